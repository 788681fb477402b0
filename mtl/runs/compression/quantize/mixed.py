"""Mixed precision: what stays float so that no task pays too much."""

from collections.abc import Callable, Mapping

import numpy as np

from mtl.runs.compression.quantize.sensitivity import Sensitivity

Kept = Mapping[str, str]
"""Names of units that stay float, each with the task for which it does."""


def stays_float(
    found: Sensitivity, losses_with: Callable[[Kept], Mapping[str, float]], most: float
) -> tuple[dict[str, str], Mapping[str, float]]:
    """Choose greedily, until no task pays too much.

    Of the tasks that do the one that pays most is next, with the unit that disturbs it most.

    Args:
        found: what each unit does to each task.
        losses_with: points of its main metric that each task loses where these units stay float.
        most: that a task may lose, in points.

    Returns:
        The units that stay float, and what the tasks lose then: more than ``most`` only where all
        that disturbs a task is float already.
    """
    kept: dict[str, str] = {}
    losses = losses_with(kept)
    left = {task: found.noise[:, place].copy() for place, task in enumerate(found.tasks)}
    while over := [t for t, loss in losses.items() if loss > most and left[t].max(initial=0) > 0]:
        task = max(over, key=lambda name: losses[name])
        row = int(np.argmax(left[task]))
        for column in left.values():
            column[row] = 0
        kept[found.units[row]] = task
        losses = losses_with(kept)
    return kept, losses
