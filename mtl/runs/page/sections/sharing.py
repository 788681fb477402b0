"""Whether sharing helps: a sentence for each task, where a row shares nothing between its tasks."""

from collections.abc import Sequence

from mtl.config.nearest import listing
from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.compare.control import NO_SHARING
from mtl.runs.compare.output.words import Digits
from mtl.runs.compare.verdict import verdict_text
from mtl.runs.page.answers import AnswerLine, Answers
from mtl.runs.page.chance import hardly_above
from mtl.runs.page.data import PageData
from mtl.runs.page.parts import PagePart, Sentences
from mtl.runs.page.wording import Found, beyond, differing, size_and_range, telling_one

QUESTION = "Does sharing between the tasks help?"
OF_SHARING = ("encoder", "fusion", "tasks", "weighting")
"""Groups whose choice is how tasks share; nothing is weighted where they don't."""


def sharing(data: PageData, metrics: Sequence[ComparedMetric]) -> list[PagePart]:
    """The answers; none where the reference shares something, or nothing else does.

    Args:
        data: of the page.
        metrics: one for each task.
    """
    others = [row for row in data.rows if not row.row.shares_nothing]
    if not data.reference.row.shares_nothing:
        return []
    found = {metric: differing(others, metric) for metric in metrics}
    lines = [_line(data, metric, own) for metric, own in found.items() if own]
    if not lines:
        return []
    parts: list[PagePart] = [Answers(QUESTION, lines, _compared_with(data))]
    further = [c for c in data.comparison.columns if c.partition(".")[0] not in OF_SHARING]
    if further:
        parts.append(
            Sentences(
                [
                    f"The rows differ in more than sharing ({listing(further)}): what they gain "
                    "need not be sharing's alone."
                ]
            )
        )
    return parts


def _compared_with(data: PageData) -> str:
    if data.comparison.alone:
        return "Each task is compared with a network for it alone."
    label = data.reference.label
    several = all(len(run.tasks) > 1 for run in data.reference.row.runs)
    return f"Compared with {label}: {NO_SHARING}." if several else f"Compared with {label}."


def _line(data: PageData, metric: ComparedMetric, found: Found) -> AnswerLine:
    row, difference = telling_one(found)
    size = size_and_range(difference, metric, row.label)
    verdict = verdict_text(difference, data.comparison.unit)
    rest = " ".join(filter(None, (_spread(metric, found), hardly_above(data, metric))))
    if difference.verdict == "better":
        return AnswerLine(metric.task, "better", f"Yes: {size}.", rest)
    if difference.verdict == "worse":
        return AnswerLine(metric.task, "worse", f"No: at best {size}.", rest)
    if difference.verdict == "same":
        return AnswerLine(metric.task, "", f"It makes no difference: {size}.", rest)
    if difference.mean * (1 if metric.larger else -1) <= 0:
        return AnswerLine(metric.task, "unsure", f"Not so far: at best {size}, {verdict}.", rest)
    return AnswerLine(metric.task, "unsure", f"Not proven: {size} is {verdict}.", rest)


def _spread(metric: ComparedMetric, found: Found) -> str:
    """``Beyond the noise, 1 of 5 rows is better and none worse: from +0.060 with nddr ...``."""
    if len(found) < 2:
        return ""
    (best, most), (last, least) = found[0], found[-1]
    high, low = (Digits(metric).signed(d.mean) for d in (most, least))
    if high == low:
        return f"{beyond(found)}: all are at {high}."
    return f"{beyond(found)}: from {high} with {best.label} to {low} with {last.label}."
