"""What numbers rest on: of how many samples they are, and what chance alone would give."""

from collections.abc import Mapping

from mtl.runs.chance import chance_line, hardly_beats
from mtl.runs.compare.comparison import ComparedMetric, Comparison
from mtl.runs.compare.metrics import is_finite
from mtl.runs.compare.output.words import Digits
from mtl.words import span_of


def basis_lines(comparison: Comparison) -> list[str]:
    """``labelled test samples: kind 22``, ``chance, without ...: kind accuracy 0.200``, if known.

    Args:
        comparison: whose metrics they are of.
    """
    metrics = _measured(comparison)
    lines = samples_lines(comparison)
    levels = {m: comparison.chance[m.name] for m in metrics if m.name in comparison.chance}
    if levels:
        told = [f"{m.task} {m.own} {Digits(m).plain(level)}" for m, level in levels.items()]
        lines.append(chance_line(told))
    return lines


def samples_lines(comparison: Comparison) -> list[str]:
    """The first of ``basis_lines``; none where no run knows."""
    metrics = _measured(comparison)
    split = metrics[0].name.partition("/")[0] if metrics else ""
    tasks = dict.fromkeys(metric.task for metric in metrics if metric.task)
    counts = {task: samples_of(comparison, split, task) for task in tasks}
    told = [f"{task} {count}" for task, count in counts.items() if count]
    return [f"labelled {split} samples: {', '.join(told)}"] if told else []


def _measured(comparison: Comparison) -> list[ComparedMetric]:
    """The metrics that are no changes."""
    return [metric for metric in comparison.metrics if not metric.percent]


def samples_of(comparison: Comparison, split: str, task: str) -> str:
    """``22``, or ``20 to 22`` where runs differ; empty where none knows.

    Args:
        comparison: whose runs are asked.
        split: that they were counted in.
        task: that they are labelled for.
    """
    found = set()
    for row in comparison.rows:
        for run in row.runs:
            counts = run.results.get("labelled")
            own = counts.get(split) if isinstance(counts, Mapping) else None
            count = own.get(task) if isinstance(own, Mapping) else None
            if is_finite(count):
                found.add(int(count))
    return span_of(found)


def at_chance(comparison: Comparison) -> list[str]:
    """A sentence for each metric of which no row is clearly beyond chance.

    Args:
        comparison: of one row or several.
    """
    lines = []
    for metric in comparison.metrics:
        level = comparison.chance.get(metric.name)
        cells = [row.cells.get(metric.name) for row in comparison.rows]
        best = max((cell.mean for cell in cells if cell is not None), default=None)
        if level is not None and best is not None and hardly_beats(best, level):
            lines.append(_at_chance(metric, level, best, len(comparison.rows)))
    return lines


def _at_chance(metric: ComparedMetric, level: float, best: float, rows: int) -> str:
    plain = Digits(metric).plain
    if rows == 1:
        return (
            f"{metric.task} hardly leaves chance ({metric.own} {plain(best)}, chance "
            f"{plain(level)}): differences at this level mean nothing"
        )
    return (
        f"no row clearly beats chance on {metric.task} ({metric.own} {plain(best)} at most, chance "
        f"{plain(level)}): a difference or Δ between rows there means nothing"
    )
