"""What a row's differences come to, in plain words."""

from collections.abc import Mapping, Sequence

from mtl.runs.compare.comparison import ComparedMetric, Difference, Test
from mtl.runs.compare.groups import Unit
from mtl.runs.compare.statistics.fewest import FEWEST
from mtl.runs.compare.statistics.mean import LEVEL
from mtl.runs.compare.verdict import joined, noise, settling
from mtl.words import counted


def sentence(
    metrics: Sequence[ComparedMetric],
    found: Mapping[str, Difference],
    unit: Unit,
    test: Test,
) -> str:
    """``better on 2 of 3 tasks (a, b); the difference on c is within the noise of 3 seeds: ...``.

    Args:
        metrics: of the comparison, in order.
        found: the row's differences by full name of the metric.
        unit: what is paired.
        test: by which p was found.
    """
    names = metric_names([metric for metric in metrics if metric.name in found])
    kind = "metrics" if any("/" in name or "Δ" in name for name in names.values()) else "tasks"
    told: dict[str, list[str]] = {}
    for name in names:
        told.setdefault(found[name].verdict, []).append(name)
    parts = [
        f"{verdict} on {_which([names[n] for n in told[verdict]], len(names), kind)}"
        for verdict in ("better", "worse")
        if verdict in told
    ]
    if own := told.get("same"):
        parts.append(f"the same on {joined([names[n] for n in own])}")
    if own := told.get("unsettled"):
        parts.append(_noise({names[n]: found[n] for n in own}, len(names), unit, test))
    if own := told.get("too few"):
        parts.append(_too_few(max(len(found[n].values) for n in own), unit))
        parts += [text for n in own if (text := _on_images(names[n], found[n]))]
    return "; ".join(parts)


def metric_names(metrics: Sequence[ComparedMetric]) -> dict[str, str]:
    """Full name to the shortest that tells the metrics apart.

    ``box``, or ``box/iou`` where there are several of the task; ``Δm`` for the change over all
    tasks, ``box Δ`` for a task's.
    """
    tasks = [metric.task for metric in metrics if not metric.percent]
    found = {}
    for metric in metrics:
        if metric.percent:
            found[metric.name] = f"{metric.task} Δ" if metric.task else "Δm"
        elif metric.task and tasks.count(metric.task) == 1:
            found[metric.name] = metric.task
        else:
            found[metric.name] = f"{metric.task}/{metric.own}".lstrip("/")
    return found


def _which(own: Sequence[str], count: int, kind: str) -> str:
    if count == 1:
        return own[0]
    if len(own) == count:
        return f"both {kind}" if count == 2 else f"all {count} {kind}"
    return f"{len(own)} of {count} {kind} ({', '.join(own)})"


def _noise(found: Mapping[str, Difference], count: int, unit: Unit, test: Test) -> str:
    pairs = max(len(difference.values) for difference in found.values())
    around = noise(pairs, unit)
    smallest = 2.0 ** (1 - pairs)
    if test == "exact" and smallest >= LEVEL:
        around += f" (with so few, the exact test's p is at least {smallest:g})"
    if len(found) == 1:
        return f"the difference on {joined([*found])} is within {around}: {settling(found)}"
    all_of_them = len(found) == count
    what = "no difference is" if all_of_them else f"the differences on {joined([*found])} are"
    beyond = "beyond" if all_of_them else "within"
    return f"{what} {beyond} {around}: {settling(found)}"


def _too_few(pairs: int, unit: Unit) -> str:
    if not pairs:
        return f"no {unit} in common with the reference"
    common = counted(pairs, f"common {unit}")
    return f"{common}: it takes {FEWEST} or more to tell a difference from noise"


def _on_images(name: str, difference: Difference) -> str:
    if len(difference.mcnemar) != 1:
        return ""
    (test,) = difference.mcnemar
    only = counted(test.only_row, "test image")
    return (
        f"{only} only it gets right on {name}, {test.only_reference} only the "
        f"reference (McNemar p = {test.p:.2g})"
    )
