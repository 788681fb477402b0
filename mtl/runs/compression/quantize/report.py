"""What a quantisation says of itself: lines, a figure and JSON."""

from collections.abc import Mapping
from pathlib import Path

from mtl.drawing.heat_table import draw_heat_table
from mtl.drawing.write import write_png
from mtl.files import write_json
from mtl.runs.compression.quantize.mixed import Kept
from mtl.runs.compression.quantize.sensitivity import Sensitivity

FIGURES = 4
"""Significant ones."""


def said_lines(found: Sensitivity, kept: Kept, losses: Mapping[str, float]) -> list[str]:
    """What stays float and for whom, and what each task pays.

    Args:
        found: the sensitivities.
        kept: what stays float.
        losses: of the tasks, in points of their main metrics; none where they weren't measured.
    """
    lines = []
    for unit, task in kept.items():
        noise = found.noise[found.units.index(unit), found.tasks.index(task)]
        lines.append(f"  {unit} stays float for {task} (noise {100 * noise:.2g} %)")
    if losses:
        # Not -0.0, which would be written as such.
        changes = {task: round(-points, 2) + 0.0 for task, points in losses.items()}
        paid = ", ".join(f"{task} {change:+.2f}" for task, change in changes.items())
        lines.append(f"  points on the validation split: {paid}")
    return lines


def write_report(
    folder: Path, name: str, found: Sensitivity, kept: Kept, losses: Mapping[str, float]
) -> None:
    """Write ``NAME_sensitivity.json`` and ``.png``.

    Args:
        folder: to write to.
        name: of the step.
        found: the sensitivities.
        kept: what stays float.
        losses: see ``said_lines``.
    """
    rows = {
        unit: {t: float(f"{v:.{FIGURES}g}") for t, v in zip(found.tasks, row, strict=True)}
        for unit, row in zip(found.units, found.noise, strict=True)
    }
    content = {"noise": rows, "float_for": dict(kept), "points_lost": dict(losses)}
    write_json(folder / f"{name}_sensitivity.json", content)
    labels = [f"{unit} (stays float)" if unit in kept else unit for unit in found.units]
    title = "noise in a task's outputs, % of their spread,\nwhere one layer alone is in int8"
    picture = draw_heat_table(100 * found.noise, labels, found.tasks, title)
    write_png(folder / f"{name}_sensitivity.png", picture)
