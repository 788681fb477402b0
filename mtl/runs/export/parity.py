"""Whether an exported file says what torch says, task by task, on real images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Sample
from mtl.model.head.exported import Deviation, largest
from mtl.runs.export.graph import Graph
from mtl.runs.export.pictures import Images, batches
from mtl.runs.export.runner import Runner

GREY_LEVELS = 1.0
"""By which OpenCV's sums in fixed point may differ from exact ones."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        task: or ``preprocess``.
        difference: what was compared.
    """

    task: str
    difference: Deviation


def parity(graph: Graph, runner: Runner, images: Images, preprocess: Preprocess) -> list[Row]:
    """Compare.

    Args:
        graph: as torch computes it.
        runner: runs the file.
        images: that both get.
        preprocess: the framework's own, which that of the graph is held against.

    Raises:
        BadFile: an image can't be read.
    """
    found: dict[tuple[str, str], Deviation] = {}
    for batch in batches(images, graph, preprocess):
        for row in [*_pictures(graph, batch, preprocess), *compared(graph, runner, batch)]:
            key = (row.task, row.difference.what)
            known = found.get(key)
            found[key] = row.difference if known is None else known.together(row.difference)
    return [Row(task, difference) for (task, _), difference in found.items()]


def compared(graph: Graph, runner: Runner, batch: Tensor) -> list[Row]:
    """What a file and torch say of one batch.

    Args:
        graph: as torch computes it.
        runner: runs the file.
        batch: of what goes in.
    """
    with torch.no_grad():
        eager = {name: value.numpy() for name, value in graph(batch).items()}
    file = runner(batch.numpy())
    return [
        Row(task, difference)
        for task in graph.tasks
        for difference in graph.network.head(task).differences(_of(task, eager), _of(task, file))
    ]


def _of(task: str, outputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """A task's own, by their names within it."""
    prefix = f"{task}."
    return {n.removeprefix(prefix): v for n, v in outputs.items() if n.startswith(prefix)}


def _pictures(graph: Graph, batch: Tensor, preprocess: Preprocess) -> list[Row]:
    """What the graph's preprocessing makes of images, against what the framework's does."""
    if graph.resize is None:
        return []
    ordered = batch.flip(-1) if graph.colours == "bgr" else batch
    with torch.no_grad():
        own = graph.resize(ordered)[0].permute(0, 2, 3, 1).numpy()
    theirs = np.stack([preprocess(Sample(image, ""))[0].image for image in ordered.numpy()])
    return [Row("preprocess", largest("picture, grey levels", theirs, own, GREY_LEVELS))]
