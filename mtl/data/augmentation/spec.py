"""What an augmentation does, said once for both engines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from mtl.errors import UserError

Engine = Literal["auto", "sample", "batch"]
RotatedBoxes = Literal["largest_box", "ellipse"]
RANGES: Mapping[str, tuple[float, float]] = {
    "hflip": (0, 1),
    "vflip": (0, 1),
    "rotate": (0, 180),
    "shift": (0, 1),
    "zoom": (0, 0.95),
    "shear": (0, 0.9),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "min_visibility": (0, 1),
    "fill": (0, 255),
}
"""Smallest and largest value of each number; a shear of 1 along both axes flattens the image."""


@dataclass(frozen=True)
class Augmentation:
    """Random steps on training images; targets move along.

    The ``sample`` engine runs them through albumentations, image by image, in the data-loading
    workers. The ``batch`` engine runs the same on whole batches with one affine grid, on the
    device; it serves sets that lie in memory. ``auto`` takes ``batch`` for those and ``sample`` for
    the others.

    Args:
        engine: ``auto``, ``sample`` or ``batch``.
        hflip: probability of a left-right flip, 0..1.
        vflip: probability of an up-down flip, 0..1.
        rotate: largest angle in degrees; drawn from ±rotate.
        shift: largest shift as a fraction of the side; drawn from ±shift per axis.
        zoom: largest change of scale as a fraction; the factor is drawn from 1 ± zoom.
        shear: largest shear as a fraction (the tangent of the angle); drawn from ±shear per axis.
        brightness: largest change, as a fraction of the full range.
        contrast: largest change of contrast as a fraction.
        angles: copies of the training set, one per angle in degrees. ``[0, 90]`` keeps every
            original and adds a copy turned by 90; empty means just the originals.
        min_visibility: a box that keeps a smaller fraction of its area inside the picture is
            dropped, 0..1.
        rotated_boxes: ``largest_box`` encloses the turned box, ``ellipse`` the turned ellipse
            inside it (tighter for round things).
        fill: grey value 0..255 outside the picture; targets are unknown there.
        extra: further albumentations transforms for the ``sample`` engine, each a mapping with
            ``name`` and its arguments.

    Raises:
        UserError: a value out of its range.
    """

    engine: Engine = "auto"
    hflip: float = 0.0
    vflip: float = 0.0
    rotate: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    angles: Sequence[float] = ()
    min_visibility: float = 0.2
    rotated_boxes: RotatedBoxes = "largest_box"
    fill: int = 0
    extra: Sequence[Mapping[str, object]] = field(default=())

    def __post_init__(self) -> None:
        for key, (low, high) in RANGES.items():
            value = getattr(self, key)
            if not low <= value <= high:
                raise UserError(f"augmentation.{key}={value}: allowed is {low} to {high}")
        for key, allowed in (("engine", Engine), ("rotated_boxes", RotatedBoxes)):
            if getattr(self, key) not in get_args(allowed):
                raise UserError(
                    f"augmentation.{key}={getattr(self, key)}: "
                    f"choose one of {', '.join(get_args(allowed))}"
                )

    @property
    def moves(self) -> bool:
        """Whether a random affine map is drawn for each image."""
        return any((self.rotate, self.shift, self.zoom, self.shear))

    @property
    def turns(self) -> tuple[tuple[int, float], ...]:
        """Each copy's angle as exact quarter turns, counter-clockwise, and remaining degrees."""
        return tuple(
            (int(angle // 90) % 4, 0.0) if angle % 90 == 0 else (0, float(angle))
            for angle in (self.angles or (0.0,))
        )

    @property
    def copies(self) -> int:
        """How many times each training image appears in an epoch."""
        return max(1, len(self.angles))
