"""What a row's differences come to, in plain words."""

from collections.abc import Mapping, Sequence

from mtl.runs.compare.comparison import ComparedMetric, Difference, Test
from mtl.runs.compare.groups import Unit
from mtl.runs.compare.statistics.mean import LEVEL
from mtl.runs.compare.statistics.paired import FEWEST


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
    if own := told.get("unsettled"):
        alike = [n for n in own if not any(found[n].values.values())]
        if alike:
            parts.append(f"the same on {_and([names[n] for n in alike])}")
        if noisy := [n for n in own if n not in alike]:
            parts.append(_noise({names[n]: found[n] for n in noisy}, len(names), unit, test))
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
    noise = f"the noise of {pairs} {unit}s"
    smallest = 2.0 ** (1 - pairs)
    if test == "exact" and smallest >= LEVEL:
        noise += f" (with so few, the exact test's p is at least {smallest:g})"
    if len(found) == 1:
        ((name, difference),) = found.items()
        what = f"the difference on {name} is within {noise}"
        if difference.more is None:
            return f"{what}, and so small that 1,000 would not settle it"
        return f"{what}: about {difference.more} more would settle it"
    all_of_them = len(found) == count
    what = "no difference is" if all_of_them else f"the differences on {_and([*found])} are"
    beyond = "beyond" if all_of_them else "within"
    more = [(name, d.more) for name, d in found.items() if d.more is not None]
    ends = [f"about {n} more would settle {name}" for name, n in more[:1]]
    ends += [f"{n} {name}" for name, n in more[1:]]
    if hopeless := [name for name, difference in found.items() if difference.more is None]:
        ends.append(f"1,000 would not settle {_and(hopeless)}")
    return f"{what} {beyond} {noise}: {', '.join(ends)}"


def _too_few(pairs: int, unit: Unit) -> str:
    if not pairs:
        return f"no {unit} in common with the reference"
    common = f"{pairs} common {unit}{'s' * (pairs > 1)}"
    return f"{common}: it takes {FEWEST} or more to tell a difference from noise"


def _on_images(name: str, difference: Difference) -> str:
    if len(difference.mcnemar) != 1:
        return ""
    (test,) = difference.mcnemar
    return (
        f"{test.only_row} test images only it gets right on {name}, {test.only_reference} only the "
        f"reference (McNemar p = {test.p:.2g})"
    )


def _and(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
