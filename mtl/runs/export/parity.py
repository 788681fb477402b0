"""Whether an exported file says what torch says, task by task, on real images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Sample
from mtl.errors import UserError
from mtl.model.head.exported import Deviation, largest
from mtl.runs.export.graph import Graph
from mtl.runs.export.pictures import Images, batches
from mtl.runs.export.runner import Arrays, Runner

GREY_LEVELS = 1.0
"""By which OpenCV's sums in fixed point may differ from exact ones."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        task: or ``preprocess``.
        difference: what was compared.
        image: on which it is so large; empty where it is one over all images.
    """

    task: str
    difference: Deviation
    image: str = ""

    def together(self, other: Row) -> Row:
        """Of the images of both."""
        both = self.difference.together(other.difference)
        kept = np.array_equal(both.found, self.difference.found, equal_nan=True)
        image = self.image if kept else other.image
        return Row(self.task, both, "" if both.mean else image)


def parity(
    graph: Graph,
    runner: Runner,
    images: Images,
    preprocess: Preprocess,
    watch: Callable[[int], object] | None = None,
) -> list[Row]:
    """Compare.

    Args:
        graph: as torch computes it.
        runner: runs the file.
        images: that both get.
        preprocess: the framework's own, which that of the graph is held against.
        watch: is told of how many images more are done.

    Raises:
        BadFile: an image can't be read.
        UserError: there is none that can.
    """

    def rows(names: Sequence[str], batch: Tensor) -> list[Row]:
        pictures = []
        if graph.resize is not None:
            ordered = batch.flip(-1) if graph.colours == "bgr" else batch
            with torch.no_grad():
                pictures = [grey_levels(graph.resize(ordered)[0], ordered, preprocess, names)]
        return [*pictures, *compared(graph, runner, batch, names)]

    return over_all(images, graph, preprocess, rows, watch)


def over_all(
    images: Images,
    graph: Graph,
    preprocess: Preprocess,
    rows: Callable[[Sequence[str], Tensor], list[Row]],
    watch: Callable[[int], object] | None = None,
) -> list[Row]:
    """The table of all images, of those of each batch.

    Args:
        images: see ``parity``.
        graph: see ``batches``.
        preprocess: likewise.
        rows: compares on a batch, with the names of its images.
        watch: see ``parity``.

    Raises:
        BadFile: an image can't be read.
        UserError: there is none that can.
    """
    found: dict[tuple[str, str], Row] = {}
    for names, batch in batches(images, graph, preprocess):
        for row in rows(names, batch):
            key = (row.task, row.difference.what)
            found[key] = found[key].together(row) if key in found else row
        if watch is not None:
            watch(len(names))
    if not found:
        raise UserError(f"no image of {images.name} can be read; name others: images=FOLDER")
    return list(found.values())


def compared(graph: Graph, runner: Runner, batch: Tensor, names: Sequence[str] = ()) -> list[Row]:
    """What a file and torch say of one batch, image by image.

    Args:
        graph: as torch computes it.
        runner: runs the file.
        batch: of what goes in.
        names: of its images.
    """
    with torch.no_grad():
        eager = {name: value.numpy() for name, value in graph(batch).items()}
    return held_against(graph, eager, runner(batch.numpy()), names or [""] * len(batch))


def held_against(graph: Graph, eager: Arrays, file: Arrays, names: Sequence[str]) -> list[Row]:
    """What was said of some images by two, image by image.

    Args:
        graph: whose tasks they are.
        eager: outputs by name as they have to be.
        file: as a file says them.
        names: of the images.
    """
    return [
        Row(task, difference, name)
        for place, name in enumerate(names)
        for task in graph.tasks
        for difference in graph.network.head(task).differences(
            _of(task, eager, place), _of(task, file, place)
        )
    ]


def _of(task: str, outputs: Arrays, place: int) -> dict[str, npt.NDArray[Any]]:
    """A task's own for one image, by their names within it."""
    prefix, row = f"{task}.", slice(place, place + 1)
    return {n.removeprefix(prefix): v[row] for n, v in outputs.items() if n.startswith(prefix)}


def grey_levels(own: Tensor, images: Tensor, preprocess: Preprocess, names: Sequence[str]) -> Row:
    """What a graph's preprocessing makes of images, against what the framework's does.

    Args:
        own: (1, C, S, S) in 0..255: the picture of the graph.
        images: (1, H, W, C) uint8; images that are resized come one by one.
        preprocess: the framework's.
        names: of the image.
    """
    theirs = np.stack([preprocess(Sample(image, ""))[0].image for image in images.numpy()])
    levels = own.permute(0, 2, 3, 1).numpy()
    return Row("preprocess", largest("picture, grey levels", theirs, levels, GREY_LEVELS), *names)
