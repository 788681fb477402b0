"""The built-in data set: textured shapes on cluttered ground, generated from a seed."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Boxes, Target
from mtl.data.sources.generated import Generated
from mtl.data.sources.shapes_draw import draw
from mtl.data.sources.shapes_layout import OUTLINES, Layout, arrange
from mtl.errors import UserError

TILT: Final[Mapping[str, float]] = MappingProxyType({"upright": 10.0, "free": 180.0})
"""Orientation to the largest turn either way, in degrees."""
CLASSES: Final = tuple(OUTLINES)


class Shapes(Generated[Layout]):
    """Images of one to eight textured shapes, labelled for every kind of task at once.

    Targets: ``label``, the class of the main shape, whose visible area is at least 1.6 times that
    of any other; ``labels``, the classes present; ``boxes``, tight around each shape's visible
    pixels; ``mask``, 0 for the ground and class + 1 for shapes. Shapes lie wholly inside the image
    and hide at most 22 % of one another. Colours and textures are drawn alike for all classes
    and for the ground, so that neither tells the class. See ``Generated`` for the other arguments.

    Args:
        image_size: see ``Generated``.
        orientation: ``upright`` (tilted by at most 10 degrees) or ``free`` (any angle).

    Raises:
        UserError: an argument is out of its range.
    """

    def __init__(self, image_size: int = 64, orientation: str = "upright", **rest: int) -> None:
        if orientation not in TILT:
            raise UserError(
                f"data.orientation={orientation} is unknown: choose {_or_nearest(orientation)}"
            )
        super().__init__(image_size, **rest)
        self.orientation = orientation

    @property
    def targets(self) -> Mapping[str, Target]:
        """All four kinds; the mask's classes begin with the background."""
        return {
            "label": Target("label", CLASSES),
            "labels": Target("labels", CLASSES),
            "boxes": Target("boxes", CLASSES),
            "mask": Target("mask", ("background", *CLASSES)),
        }

    def make(self, rng: np.random.Generator) -> tuple[Layout, npt.NDArray[np.uint8]]:
        """One image and its shapes."""
        layout = arrange(rng, self.image_size, TILT[self.orientation], self.objects)
        return layout, draw(rng, layout)

    def values(self, made: Layout) -> Mapping[str, Any]:
        """All four targets."""
        classes = np.array([p.shape for p in made.placed], np.int64)
        labels = np.zeros(len(CLASSES), np.int8)
        labels[classes] = 1
        return {
            "label": made.main_class,
            "labels": labels,
            "boxes": Boxes(made.boxes(), classes, np.zeros(len(classes), np.bool_)),
            "mask": made.mask(),
        }


def _or_nearest(name: object) -> str:
    near = difflib.get_close_matches(str(name), TILT, n=1)
    return " or ".join(TILT) + (f" (did you mean {near[0]}?)" if near else "")
