"""Together against alone: what rows gain over single-task networks, and whether that is chance.

The change of a run is that to the baselines of its own seed, so the changes of a row's seeds are
differences within pairs, and their mean is tested against 0.
"""

from collections.abc import Mapping, Sequence

from mtl.runs.compare.comparison import ComparedMetric, Difference, Sign, Test, Together
from mtl.runs.compare.differences import Pairs, differences
from mtl.runs.compare.groups import RunGroup, Unit
from mtl.runs.compare.output.words import difference_text
from mtl.runs.compare.statistics.fewest import FEWEST
from mtl.runs.compare.verdict import joined, settling
from mtl.words import counted

OVERALL = "overall"


def together(
    groups: Sequence[RunGroup],
    metrics: Sequence[ComparedMetric],
    delta: Sign,
    unit: Unit,
    test: Test,
) -> list[Together | None]:
    """What training tasks together comes to in each row.

    Args:
        groups: the rows.
        metrics: the tasks' changes and Δm.
        delta: their sign.
        unit: what is averaged over.
        test: by which p is found; Holm's correction is over all rows and metrics.

    Returns:
        For each row; None where it has no change.
    """
    pairs = {
        (place, metric.name): Pairs(metric, points, dict.fromkeys(points, 0.0))
        for place, group in enumerate(groups)
        for metric in metrics
        if (points := group.points(metric, delta))
    }
    tested = differences(pairs, unit, test)
    return [
        _together([(m, tested[place, m.name]) for m in metrics if (place, m.name) in tested], unit)
        for place in range(len(groups))
    ]


def _together(found: Sequence[tuple[ComparedMetric, Difference]], unit: Unit) -> Together | None:
    if not found:
        return None
    changes = {metric.task: difference for metric, difference in found}
    texts = {metric.task: difference_text(d, metric, "%") for metric, d in found}
    return Together(
        tasks={task: difference for task, difference in changes.items() if task},
        overall=changes.get(""),
        sentence=_sentence(changes, texts, unit),
    )


def _sentence(changes: Mapping[str, Difference], texts: Mapping[str, str], unit: Unit) -> str:
    """``better together on box (+4.2 ± 1.1 %); unsettled overall (+1.1 ± 2.0 %): about 5 ...``.

    Args:
        changes: by task, Δm under the empty name.
        texts: the same in print.
        unit: what is averaged over.
    """
    most = max(len(change.values) for change in changes.values())
    if most < FEWEST:
        proves = f"one {unit} proves nothing" if most == 1 else f"{most} {unit}s prove nothing yet"
        told = ", ".join(f"{task or OVERALL} {text}" for task, text in texts.items())
        return f"{proves} (it takes {FEWEST} or more): {told}"
    by_verdict: dict[str, list[str]] = {}
    for task, change in changes.items():
        by_verdict.setdefault(change.verdict, []).append(task)
    parts: list[str] = []
    for verdict in ("better", "worse"):
        if own := by_verdict.get(verdict):
            where = _where(own, texts)
            parts.append(f"{verdict} {where}" if parts else f"{verdict} together {where}")
    if own := by_verdict.get("same"):
        parts.append(f"the same {_where(own, texts)}")
    if own := by_verdict.get("unsettled"):
        what = "unsettled" if parts else "together or alone, neither is surely better"
        needed = settling({task or OVERALL: changes[task] for task in own}, unit)
        parts.append(f"{what} {_where(own, texts)}: {needed}")
    if own := by_verdict.get("too few"):
        few = counted(max(len(changes[task].values) for task in own), unit)
        parts.append(f"too few to tell {_where(own, texts)}: {few}")
    return "; ".join(parts)


def _where(tasks: Sequence[str], texts: Mapping[str, str]) -> str:
    """``on box (+4.2 %) and overall (+1.1 %)``; the overall change comes last."""
    named = [f"{task or OVERALL} ({texts[task]})" for task in tasks]
    return f"on {joined(named)}" if tasks[0] else joined(named)
