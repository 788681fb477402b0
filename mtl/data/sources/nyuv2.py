"""``data=nyuv2``: indoor scenes with classes, depth and normals (Silberman et al., 2012)."""

from collections.abc import Sequence
from functools import partial

from mtl.data.sample import Target
from mtl.data.sources.dense_arrays import (
    ArrayFolder,
    DenseArrays,
    classes_of,
    depth_of,
    normals_of,
)

CLASSES = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects",
    "picture", "sofa", "table", "tv", "wall", "window",
)  # fmt: skip
"""The 13 of Handa et al. (2016), in their order."""


class NyuV2(DenseArrays):
    """795 + 654 pictures of 384 x 288 pixels: ``mask`` (13 classes), ``depth``, ``normals``.

    Args:
        root: the folder that holds ``train`` and ``val``; see ``DenseArrays``.
        image_size: not needed.
        val_fraction: see ``DenseArrays``.
        split_seed: see ``DenseArrays``.
        normal_signs: what the files' x, y and z are multiplied by, so that they point right, down
            and towards the camera.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        val_fraction: float = 0.1,
        split_seed: int = 0,
        normal_signs: Sequence[int] = (1, 1, 1),
    ) -> None:
        del image_size
        signs = tuple(normal_signs)
        layers = {
            "mask": ArrayFolder(
                "label", Target("mask", CLASSES), partial(classes_of, count=len(CLASSES))
            ),
            "depth": ArrayFolder("depth", Target("depth"), depth_of),
            "normals": ArrayFolder("normal", Target("normals"), partial(normals_of, signs=signs)),
        }
        super().__init__(root, layers, val_fraction, split_seed, key=f"{signs}")
