"""Differences in plain words."""

from collections.abc import Sequence

from mtl.runs.compare.comparison import ComparedMetric, Difference
from mtl.runs.page.answers import Tone
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import measured
from mtl.words import counted

TONES: dict[str, Tone] = {"better": "better", "worse": "worse"}
"""Of verdicts that are sure."""


def compared(row: PageRow, metric: ComparedMetric) -> Difference | None:
    """The difference from the reference, where the two have runs in common."""
    found = row.row.differences.get(metric.name)
    return found if found is not None and found.values else None


def size_in_words(difference: Difference, metric: ComparedMetric, than: str = "") -> str:
    """``better by 0.021``, in the metric's own unit.

    Args:
        difference: from the reference.
        metric: that differs.
        than: the reference, if it is to be named.
    """
    size = measured(abs(difference.mean), metric.percent)
    if size == measured(0.0, metric.percent):
        return f"the same as {than}" if than else "the same"
    better = (difference.mean > 0) == metric.larger
    return f"{'better' if better else 'worse'}{f' than {than}' if than else ''} by {size}"


def range_in_words(difference: Difference, metric: ComparedMetric) -> str:
    """Where the true difference likely lies: ``likely 0.010 to 0.032``."""
    if difference.interval is None:
        return ""
    sign = 1 if metric.larger else -1
    low, high = sorted(sign * end for end in difference.interval)
    small, large = (measured(abs(end), metric.percent) for end in (low, high))
    if low < 0 < high:
        return f"anything from {small} worse to {large} better"
    return f"likely {small} to {large}" if low >= 0 else f"likely {large} to {small}"


def certainty(difference: Difference, unit: str) -> str:
    """Whether chance can be ruled out."""
    if difference.verdict in TONES:
        return "clear"
    if difference.verdict == "same":
        return "no difference worth naming"
    if difference.verdict == "too few":
        return f"too few to tell: {counted(len(difference.values), unit)}"
    if difference.more:
        return f"may be chance; about {counted(difference.more, unit)} more would tell"
    return "may be chance"


def headline(
    data: PageData, ordered: Sequence[PageRow], metric: ComparedMetric
) -> tuple[Tone, str]:
    """The answer in a sentence or two.

    Args:
        data: of the page.
        ordered: rows that have the metric, the best first.
        metric: of the answer.
    """
    reference = data.reference.label
    found = [(row.label, d) for row in ordered if (d := compared(row, metric)) is not None]
    for label, difference in found:
        if difference.verdict == "better":
            return "better", f"{label} is {_whole(difference, metric, reference)}."
    unsettled = [(label, d) for label, d in found if d.verdict not in ("worse", "same")]
    same = [label for label, d in found if d.verdict == "same"]
    if not unsettled and same:
        return "", f"Nothing is better than {reference}; {same[0]} is the same."
    if not unsettled:
        label, least = found[0]
        return "worse", (
            f"Nothing is better than {reference}. Next is {label}, "
            f"{_whole(least, metric, reference)}."
        )
    label, first = unsettled[0]
    if first.verdict == "too few":
        return "unsure", (
            f"{label} is {_whole(first, metric, reference)}, which "
            f"{counted(len(first.values), data.comparison.unit)} can't tell from chance."
        )
    more = counted(first.more, data.comparison.unit) if first.more else ""
    told = f"; about {more} more would tell" if more else ""
    return "unsure", (
        f"Nothing is surely better than {reference}. {label} is "
        f"{_whole(first, metric, '')}, which may be chance{told}."
    )


def _whole(difference: Difference, metric: ComparedMetric, than: str) -> str:
    around = range_in_words(difference, metric)
    return size_in_words(difference, metric, than) + (f" ({around})" if around else "")
