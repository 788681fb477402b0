"""What a network says of images, drawn on them."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Target
from mtl.drawing.marks import draw_caption
from mtl.drawing.panels import panels
from mtl.model.network import Network


class Drawing(Protocol):
    """What draws one task's predictions; every ``Head`` does."""

    @property
    def target(self) -> Target:
        """Kind and classes."""

    def captions(self, prediction: Any) -> list[str]:
        """See ``Head``."""

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Any) -> npt.NDArray[np.uint8]:
        """See ``Head``."""


def unbatched(network: Network, predictions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Task to batched prediction, to one mapping of task to prediction per sample."""
    per_task = {task: network.head(task).unbatch(found) for task, found in predictions.items()}
    return [dict(zip(per_task, row, strict=True)) for row in zip(*per_task.values(), strict=True)]


def draw_sample(
    tasks: Mapping[str, Drawing],
    canvas: npt.NDArray[np.uint8],
    predictions: Mapping[str, Any],
) -> list[npt.NDArray[np.uint8]]:
    """Draw all tasks' decisions on one image, areas first and captions last.

    Those that hide others have a picture of their own.

    Args:
        tasks: who draws each.
        canvas: (H, W, 3) uint8 RGB, not changed.
        predictions: task to prediction in the canvas's frame.
    """
    order = sorted(predictions, key=lambda task: tasks[task].target.kind.layer)
    covering = [task for task in order if tasks[task].target.kind.covers]
    first, *others = panels(
        canvas, order, covering, lambda below, task: tasks[task].draw(below, predictions[task])
    )
    captions = {task: tasks[task].captions(predictions[task]) for task in predictions}
    several = sum(map(bool, captions.values())) > 1
    lines = [
        f"{task}: {line}" if several else line for task, found in captions.items() for line in found
    ]
    return [draw_caption(first, lines), *others]
