"""Differences in plain words."""

from collections.abc import Sequence

from mtl.runs.compare.comparison import ComparedMetric, Difference, Verdict
from mtl.runs.compare.output.words import Digits, difference_text
from mtl.runs.compare.verdict import verdict_text
from mtl.runs.page.answers import Tone
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import own_name
from mtl.words import agreeing

TONES: dict[str, Tone] = {"better": "better", "worse": "worse"}
"""Of verdicts that are sure."""
ORDER: Sequence[Verdict] = ("better", "unsettled", "too few", "same", "worse")
"""Which verdict answers for a task, if any row has it."""
Found = Sequence[tuple[PageRow, Difference]]
"""Rows with their differences, the best first."""


def compared(row: PageRow, metric: ComparedMetric) -> Difference | None:
    """The difference from the reference, where the two have runs in common."""
    found = row.row.differences.get(metric.name)
    return found if found is not None and found.values else None


def differing(rows: Sequence[PageRow], metric: ComparedMetric) -> Found:
    """The rows that have a difference from the reference, the best first."""
    sign = 1 if metric.larger else -1
    found = [(row, d) for row in rows if (d := compared(row, metric)) is not None]
    return sorted(found, key=lambda pair: -sign * pair[1].mean)


def telling_one(found: Found) -> tuple[PageRow, Difference]:
    """The one that answers: the best of the first verdict that any has."""
    return min(found, key=lambda pair: ORDER.index(pair[1].verdict))


def beyond(found: Found) -> str:
    """``Beyond the noise, 1 of 5 rows is better and none worse``, of two rows or more."""
    better, worse = (sum(d.verdict == verdict for _, d in found) for verdict in TONES)
    if not better and not worse:
        return f"Beyond the noise, none of {len(found)} rows is better or worse"
    verb = agreeing(max(better, 1), "is", "are")
    return (
        f"Beyond the noise, {better or 'none'} of {len(found)} rows {verb} better and "
        f"{worse or 'none'} worse"
    )


def size_and_range(difference: Difference, metric: ComparedMetric, who: str = "") -> str:
    """``+0.060 iou with nddr (-0.098 to +0.218, p = 0.344)``.

    Args:
        difference: from the reference.
        metric: that differs.
        who: has it; empty where that is said.
    """
    digits = Digits(metric)
    size = digits.told(difference.mean)
    text = f"{size} {'points' if metric.percent else own_name(metric)}"
    text += f" with {who}" if who else ""
    inside = []
    if difference.interval is not None:
        low, high = map(digits.signed, difference.interval)
        inside.append(f"{low} to {high}")
    if difference.adjusted is not None:
        inside.append(f"p = {difference.adjusted:.2g}")
    return f"{text} ({', '.join(inside)})" if inside else text


def headline(data: PageData, found: Found, metric: ComparedMetric) -> tuple[Tone, str]:
    """The answer in a sentence or two.

    Args:
        data: of the page.
        found: rows with their differences, the best first.
        metric: of the answer.
    """
    reference, unit = data.reference_of(metric).label, data.comparison.unit
    row, difference = telling_one(found)
    size = size_and_range(difference, metric, row.label)
    if difference.verdict == "better":
        return "better", f"Better than {reference}: {size}."
    if difference.verdict == "worse":
        return "worse", f"Nothing is better than {reference}. Next is {size}."
    if difference.verdict == "same":
        return "", f"Nothing is better than {reference}; {row.label} is the same."
    if difference.mean * (1 if metric.larger else -1) <= 0:
        return "unsure", (
            f"Nothing is better than {reference} so far. Next is {size}, "
            f"{verdict_text(difference, unit)}."
        )
    return "unsure", (
        f"Nothing is surely better than {reference}: {size} is {verdict_text(difference, unit)}."
    )


def size_and_verdict(difference: Difference, metric: ComparedMetric) -> str:
    """``+0.060 ± 0.158; within the noise: about 2 more would settle it``."""
    return f"{difference_text(difference, metric)}; {verdict_text(difference)}"
