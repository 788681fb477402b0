"""What a measurement of affinity says, on the terminal and in files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtl.drawing.matrix import draw_matrices
from mtl.drawing.write import write_png
from mtl.files import write_json
from mtl.runs.affinity.grouping import Groups, best_groups, proposed, score, score_error, settled
from mtl.runs.affinity.probe import Affinity


def named(groups: Groups, tasks: Sequence[str]) -> list[list[str]]:
    """Groups by the names of their tasks, in order."""
    return sorted(
        ([tasks[i] for i in sorted(group)] for group in groups), key=lambda g: tasks.index(g[0])
    )


def _with_error(mean: float, error: float) -> str:
    """``+1.2e-03 ± 4e-04``; no error where a single look leaves it unknown."""
    if np.isnan(mean):
        return "-"
    return f"{mean:+.1e}" + ("" if np.isnan(error) or error == 0 else f" ± {error:.0e}")


def matrix_rows(found: Affinity) -> list[list[str]]:
    """One row per task that steps, with mean and standard error per task that is changed."""

    return [
        [task, *(_with_error(*pair) for pair in zip(found.means[i], found.errors[i], strict=True))]
        for i, task in enumerate(found.tasks)
    ]


def group_rows(found: Affinity) -> list[list[str]]:
    """The best grouping for each number of networks, the proposed one marked."""
    best = proposed(found.means)
    sure = settled(found.means, found.errors, best)
    return [
        [
            str(number),
            "  ".join("+".join(group) for group in named(groups, found.tasks)),
            _with_error(score(found.means, groups), score_error(found.errors, groups)),
            "" if groups != best else "proposed" if sure else "best, within its error",
        ]
        for number, groups in best_groups(found.means).items()
    ]


def write(
    found: Affinity, commands: Mapping[str, str], folder: Path, **more: Any
) -> tuple[Path, Path]:
    """``affinity/affinity.json`` and ``.png`` in the run's folder.

    Args:
        found: the measurement.
        commands: tasks of a proposed group, joined by ``+``, to the command that trains it.
        folder: of the run.
        more: further entries of the JSON file.

    Returns:
        Their paths.
    """
    place = folder / "affinity"
    groupings = {
        number: {
            "groups": named(groups, found.tasks),
            "mean_affinity": score(found.means, groups),
            "standard_error": score_error(found.errors, groups),
        }
        for number, groups in best_groups(found.means).items()
    }
    best = proposed(found.means)
    sure = settled(found.means, found.errors, best)
    content = {
        **more,
        "tasks": list(found.tasks),
        "affinity": _listed(found.means),
        "standard_error": _listed(found.errors),
        "looks": _listed(found.looks),
        "groupings": groupings,
        "proposed": named(best, found.tasks) if sure else None,
        "commands": dict(commands),
    }
    files = place / "affinity.json", place / "affinity.png"
    write_json(files[0], content)
    # What a task does to itself is far more than what it does to others.
    others = found.means[~np.eye(len(found.tasks), dtype=bool)]
    limit = float(np.nanmax(np.abs(others), initial=1e-12))
    picture = draw_matrices(
        {"affinity": found.means},
        found.tasks,
        limit,
        number="{:+.1e}",
        rows="a step on the loss of",
        columns="lowers the loss of",
    )
    write_png(files[1], picture)
    return files


def _listed(matrix: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]
