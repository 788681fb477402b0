"""The gain in words and tables."""

from collections.abc import Mapping
from typing import Any

from mtl.config.nearest import listing
from mtl.runs.baselines.measured import Measured
from mtl.runs.baselines.near_zero import ruled_line
from mtl.runs.baselines.percent import percent
from mtl.words import span_of

HEADER = ("metric", "alone", "together", "change")
"""Of ``gain_rows``."""


def gain_lines(entry: Mapping[str, Any]) -> list[str]:
    """What a run's end says of its gain.

    Args:
        entry: ``gain`` of results.json.
    """
    tasks = ", ".join(f"{task} {percent(change)}" for task, change in entry["tasks"].items())
    total = entry["delta_m"]
    lines = [f"against each task alone: {tasks}"] if tasks else []
    if total is not None:
        lines = [f"multi-task gain {percent(total)} (against each task alone: {tasks})"]
    left_out = entry["left_out"]
    if left_out:
        lines.append(f"left out of the gain: {reasons(left_out)}")
    ruled_by = entry["ruled_by"].items()
    return lines + [ruled_line(name, entry["alone"][name], part, total) for name, part in ruled_by]


def caveat_lines(results: Mapping[str, Any]) -> list[str]:
    """That one run's gain proves little: of how many seeds and samples it is.

    Args:
        results: the content of results.json; one of an older version doesn't know the samples.

    Returns:
        One line, or none where there is no gain.
    """
    gain = results["gain"]
    if not gain["tasks"]:
        return []
    split = next(iter(gain["metrics"])).partition("/")[0]
    counts = results.get("labelled", {}).get(split, {})
    number = span_of(counts[task] for task in gain["tasks"] if task in counts)
    images = f" and {number} labelled {split} {'image' if number == '1' else 'images'}"
    return [
        f"of one seed{images if number else ''}: mtl compare of several seeds tells whether the "
        "gain is real"
    ]


def reasons(left_out: Mapping[str, str]) -> str:
    """``box/iou, box/mae: the task alone has no value; label/f1: ...``.

    Args:
        left_out: metric to reason.
    """
    named: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        named.setdefault(reason, []).append(name)
    return "; ".join(f"{listing(names)}: {reason}" for reason, names in named.items())


def gain_rows(found: Measured) -> list[list[str]]:
    """Metric, value alone, value together, change; then the tasks' means, and that of all."""
    rows = [
        [
            f"{found.split}/{task}/{metric}",
            f"{found.alone[task][metric]:.4f}",
            f"{found.together[task][metric]:.4f}",
            percent(change),
        ]
        for task, own in found.gain.changes.items()
        for metric, change in own.items()
    ]
    rows += [[task, "", "", percent(change)] for task, change in found.gain.tasks.items()]
    total = found.gain.delta_m()
    return rows if total is None else [*rows, ["all tasks", "", "", percent(total)]]
