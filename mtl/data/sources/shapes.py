"""The built-in data set: textured shapes on cluttered ground, generated from a seed."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Boxes, Target
from mtl.data.sources.base import SPLITS, ArraySource, DataSet, Split
from mtl.data.sources.shapes_draw import draw
from mtl.data.sources.shapes_layout import OUTLINES, Layout, arrange
from mtl.data.target.base import Column
from mtl.errors import UserError

TILT: Final[Mapping[str, float]] = MappingProxyType({"upright": 10.0, "free": 180.0})
"""Orientation to the largest turn either way, in degrees."""
SMALLEST_IMAGE: Final = 32
MOST_OBJECTS: Final = 8
CLASSES: Final = tuple(OUTLINES)


class Shapes(DataSet):
    """Images of one to eight textured shapes, labelled for every kind of task at once.

    Targets: ``label``, the class of the main shape, whose visible area is at least 1.6 times that
    of any other; ``labels``, the classes present; ``boxes``, tight around each shape's visible
    pixels; ``mask``, 0 for the ground and class + 1 for shapes. Shapes lie wholly inside the image
    and hide at most 22 % of one another. Colours and textures are drawn alike for all classes
    and for the ground, so that neither tells the class.

    Image i of a split depends on the seed, the split and i alone: more images leave the first ones
    as they were, and splits never share one.

    Args:
        image_size: side of the square images in pixels, 32 or more; the shapes grow with it.
        orientation: ``upright`` (tilted by at most 10 degrees) or ``free`` (any angle).
        seed: 0 or more.
        train: number of training images.
        val: number of validation images.
        test: number of test images.
        min_objects: fewest shapes in an image, 1 to 8.
        max_objects: most shapes in an image, ``min_objects`` to 8.

    Raises:
        UserError: an argument is out of its range.
    """

    def __init__(
        self,
        image_size: int = 64,
        orientation: str = "upright",
        seed: int = 0,
        train: int = 2000,
        val: int = 400,
        test: int = 400,
        min_objects: int = 1,
        max_objects: int = 4,
    ) -> None:
        if orientation not in TILT:
            raise UserError(
                f"data.orientation={orientation} is unknown: choose {_or_nearest(orientation)}"
            )
        _check("image_size", image_size, SMALLEST_IMAGE)
        _check("data.seed", seed, 0)
        for name, count in (("train", train), ("val", val), ("test", test)):
            _check(f"data.{name}", count, 1)
        _check("data.max_objects", max_objects, 1, MOST_OBJECTS)
        _check("data.min_objects", min_objects, 1, max_objects, "data.max_objects")
        self.image_size = image_size
        self.orientation = orientation
        self.seed = seed
        self.counts: Mapping[Split, int] = {"train": train, "val": val, "test": test}
        self.objects = (min_objects, max_objects)
        self._made: dict[Split, ArraySource] = {}

    @property
    def targets(self) -> Mapping[str, Target]:
        """All four kinds; the mask's classes begin with the background."""
        return {
            "label": Target("label", CLASSES),
            "labels": Target("labels", CLASSES),
            "boxes": Target("boxes", CLASSES),
            "mask": Target("mask", ("background", *CLASSES)),
        }

    def split(self, split: Split) -> ArraySource:
        """The images of that split, drawn when first asked for and kept in memory."""
        if split not in self._made:
            self._made[split] = self._draw(split)
        return self._made[split]

    def image(
        self, split: Split, sample: str, size: int | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """Drawn again without the others; ``size`` changes nothing."""
        name, _, number = sample.partition("/")
        known = name == split and number.isdecimal() and int(number) < self.counts[split]
        return self._one(split, int(number))[1] if known else None

    def _draw(self, split: Split) -> ArraySource:
        count, side = self.counts[split], self.image_size
        images = np.empty((count, side, side, 3), np.uint8)
        masks = np.empty((count, side, side), np.uint8)
        label = np.empty(count, np.int64)
        labels = np.zeros((count, len(CLASSES)), np.int8)
        boxes: list[Boxes] = []
        for i in range(count):
            layout, images[i] = self._one(split, i)
            masks[i] = layout.mask()
            label[i] = layout.main_class
            classes = np.array([p.shape for p in layout.placed], np.int64)
            labels[i, classes] = 1
            boxes.append(Boxes(layout.boxes(), classes, np.zeros(len(classes), np.bool_)))
        ids = [f"{split}/{i}" for i in range(count)]
        columns: dict[str, Column] = {
            "label": label,
            "labels": labels,
            "boxes": boxes,
            "mask": masks,
        }
        return ArraySource(images, ids, columns, self.targets)

    def _one(self, split: Split, number: int) -> tuple[Layout, npt.NDArray[np.uint8]]:
        stream = np.random.SeedSequence([self.seed, SPLITS.index(split), number])
        rng = np.random.default_rng(stream)
        layout = arrange(rng, self.image_size, TILT[self.orientation], self.objects)
        return layout, draw(rng, layout)


def _or_nearest(name: object) -> str:
    near = difflib.get_close_matches(str(name), TILT, n=1)
    return " or ".join(TILT) + (f" (did you mean {near[0]}?)" if near else "")


def _check(
    name: str, value: object, least: int, most: int | None = None, most_name: str = ""
) -> None:
    """Refuse what is no whole number from ``least`` to ``most``."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and least <= value and (most is None or value <= most):  # type: ignore[operator]
        return
    allowed = f"{least} or more" if most is None else f"{least} to {most}"
    if most_name:
        allowed += f" ({most_name})"
    raise UserError(f"{name}={value} is out of range: give a whole number, {allowed}")
