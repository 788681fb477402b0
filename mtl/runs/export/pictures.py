"""Real images to hold an exported file against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from omegaconf import DictConfig
from torch import Tensor

from mtl.data.build import build_data
from mtl.data.image_format import ImageFormat
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.normalise import Normalise
from mtl.data.preprocess.picture import picture
from mtl.data.sources.base import Source, Split
from mtl.data.sources.one_image import OneImage
from mtl.errors import BadFile, UserError
from mtl.runs.export.graph import Graph

AT_ONCE = 8
SPLITS: tuple[Split, ...] = ("val", "test", "train")
"""Where images are taken from: the first of these that the data has."""


@dataclass(frozen=True)
class Images:
    """Images that aren't preprocessed.

    Args:
        name: of where they come from, for people.
        places: each in its source.
        skips: whether those that can't be read are left out.
    """

    name: str
    places: Sequence[tuple[Source, int]]
    skips: bool = False


def images_of_run(cfg: DictConfig, most: int | None) -> Images:
    """Images of a run's own data, evenly spread over its validation split.

    Broken ones are left out where they were in training (``data.on_error=skip``).

    Args:
        cfg: the run's configuration.
        most: how many; None for all.

    Raises:
        UserError: the data isn't there.
    """
    data = build_data(cfg)
    data.prepare_data()
    for split in SPLITS:
        source = data.files(split)
        if source is not None:
            places = [(source, row) for row in _spread(len(source), most)]
            return Images(f"the {split} split", places, data.on_error == "skip")
    raise UserError("the run's data has no images; name some: images=FOLDER")


def images_of(paths: Sequence[Path], most: int | None, images: ImageFormat) -> Images:
    """Images of a user's, evenly spread."""
    chosen = [(OneImage(paths[i], images), 0) for i in _spread(len(paths), most)]
    return Images("images=", chosen)


def _spread(there: int, most: int | None) -> list[int]:
    count = there if most is None else min(there, most)
    return [int(row) for row in np.arange(count) * there // count]


def batches(
    images: Images, graph: Graph, preprocess: Preprocess
) -> Iterator[tuple[list[str], Tensor]]:
    """What goes into a graph, with names: first a single image, then several at a time.

    Args:
        images: to take.
        graph: which has the preprocessing in it, and gets images of any size one by one, or takes
            what comes out of it.
        preprocess: the steps.

    Raises:
        BadFile: an image can't be read, and isn't to be left out.
    """
    normalise = Normalise(preprocess.mean, preprocess.std)
    names: list[str] = []
    read: list[npt.NDArray[np.uint8]] = []
    most = 1

    def batch() -> Tensor:
        pixels = torch.from_numpy(np.stack(read))
        if graph.resize is None:
            pixels = normalise(pixels.permute(0, 3, 1, 2)).contiguous()
        return pixels

    for source, row in images.places:
        try:
            pixels = _pixels(source, row, preprocess, graph)
        except BadFile:
            if not images.skips:
                raise
            continue
        names.append(source.id(row))
        read.append(pixels)
        if len(read) == most:
            yield names, batch()
            names, read = [], []
            most = 1 if graph.resize is not None else AT_ONCE
    if read:
        yield names, batch()


def _pixels(
    source: Source, row: int, preprocess: Preprocess, graph: Graph
) -> npt.NDArray[np.uint8]:
    """(H, W, 3): as it is decoded, its colours in the graph's order, or as the network sees it."""
    if graph.resize is None:
        return picture(source, row, preprocess, {})[0].image
    pixels = source.read(row, preprocess.image_size).image
    return np.ascontiguousarray(pixels[..., ::-1] if graph.colours == "bgr" else pixels)
