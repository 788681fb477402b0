"""Objects with a box, a class and keypoints each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.poses import PoseBatch, Poses
from mtl.data.sample import Boxes
from mtl.data.target.base import Array
from mtl.data.target.boxes import BoxesKind
from mtl.data.target.keypoints import KeypointsKind
from mtl.data.target.listed import on_cpu
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.placed_parts import PlacedParts

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

KEYPOINTS = KeypointsKind()
KNOWN = "known keypoints per object"


class PosesKind(BoxesKind):
    """``Poses``; the target's classes are the objects', ``Target.keypoints`` names their points.

    Boxes go where boxes go, and keypoints where keypoints do: one that leaves the picture becomes
    unknown, and a pose goes with its box.
    """

    def exact(self, value: Any) -> Poses:
        """The arrays of the types that ``Poses`` says.

        Raises:
            ValueError: these are no ``Poses``.
        """
        if not isinstance(value, Poses):
            raise ValueError(f"{type(value).__name__} is given instead of Poses")
        boxes = super().exact(value)
        return replace(value, looked_for=boxes.looked_for, points=KEYPOINTS.exact(value.points))

    def misfit(self, value: Boxes, target: Target) -> str | None:
        """As of boxes and of keypoints, or poses of other objects than there are."""
        assert isinstance(value, Poses)
        if len(value.points) != len(value):
            return f"has {len(value.points)} poses for {len(value)} objects"
        return super().misfit(value, target) or KEYPOINTS.misfit(value.points, target)

    def collate(self, values: Sequence[Boxes]) -> PoseBatch:
        """Padded to the longest list."""
        return PoseBatch.together([self.exact(value) for value in values])

    def separate(self, value: BoxBatch, place: int) -> Poses:
        """Without the padding."""
        assert isinstance(value, PoseBatch)
        points = value.points[place][value.valid[place]].cpu().numpy()
        return Poses.of(super().separate(value, place), points)

    def resized(self, value: Boxes, frame: Frame, side: int) -> Boxes:
        """Scaled and shifted; remembers which part of the picture shows the image."""
        points = KEYPOINTS.resized(_of(value), frame, side)
        return super().resized(_with(value, points), frame, side)

    def to_original(self, value: Boxes, frame: Frame) -> Boxes:
        """The counterpart."""
        return super().to_original(_with(value, KEYPOINTS.to_original(_of(value), frame)), frame)

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """Exactly."""
        boxes = partial(super().turned, turn=turn)
        return _both(labelled, boxes, partial(KEYPOINTS.turned, turn=turn))

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """As boxes and keypoints."""
        boxes = partial(super().moved, motion=motion)
        return _both(labelled, boxes, partial(KEYPOINTS.moved, motion=motion))

    def moved_alone(self, value: Boxes, motion: Motion) -> Boxes:
        """Likewise."""
        return super().moved_alone(_with(value, KEYPOINTS.moved_alone(_of(value), motion)), motion)

    def parts(self, value: Boxes) -> PlacedParts:
        """Boxes and points."""
        return replace(super().parts(value), points=KEYPOINTS.parts(_of(value)).points)

    def from_parts(self, value: Boxes, parts: PlacedParts) -> Boxes:
        """Those whose boxes are left."""
        return super().from_parts(_with(value, KEYPOINTS.from_parts(_of(value), parts)), parts)

    def pack(self, value: Boxes) -> dict[str, Array]:
        """One row per object."""
        return {**super().pack(value), "points": _of(value)}

    def unpack(self, arrays: Mapping[str, Array]) -> Poses:
        """The counterpart."""
        return Poses.of(super().unpack(arrays), arrays["points"])

    def count(self, tally: Tally, value: Boxes) -> None:
        """As of boxes, and of how many keypoints of an object something is known."""
        super().count(tally, value)
        tally.note(KNOWN, *(~KEYPOINTS.is_unknown(_of(value))).sum(1).tolist())

    def draw(self, canvas: Canvas, value: Boxes, target: Target, factor: int) -> Canvas:
        """Boxes, and the keypoints with the skeleton's lines on them."""
        boxed = super().draw(canvas, value, target, factor)
        return KEYPOINTS.draw(boxed, _of(value), target, factor)

    def pointed(self, value: Boxes, table: npt.NDArray[np.int64], known: Target) -> Poses:
        """Points change their numbers, classes don't."""
        return _with(value, KEYPOINTS.renumbered(_of(value), table, known))


Change = Callable[[Labelled], Labelled]


def _both(labelled: Labelled, boxes: Change, points: Change) -> Labelled:
    """A batch's objects and their points, each changed."""

    def change(poses: PoseBatch, there: Labelled) -> PoseBatch:
        found = boxes(there).value
        places = points(Labelled(there.index, poses.points)).value
        assert isinstance(found, PoseBatch)
        assert isinstance(places, Tensor)
        return replace(found, points=places * found.valid[..., None, None])

    return on_cpu(labelled, change)


def _of(value: Boxes) -> npt.NDArray[np.float32]:
    assert isinstance(value, Poses)
    return value.points


def _with(value: Boxes, points: npt.NDArray[np.float32]) -> Poses:
    """The same objects with other points."""
    assert isinstance(value, Poses)
    return replace(value, points=points)
