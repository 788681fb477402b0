"""Named points of objects, such as the joints of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.augmentation.geometry import move_points, turn_points
from mtl.data.batch import BatchValue, Labelled
from mtl.data.target.base import Array
from mtl.data.target.listed import PER_IMAGE, ListedKind, on_cpu
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.placed_parts import PlacedParts
from mtl.drawing.keypoints import draw_keypoints

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

VISIBLE = 2
SLACK = 1e-4
"""Pixels by which what lies on the picture's border may be outside, for arithmetic's sake."""


class KeypointsKind(ListedKind):
    """(N, K, 3) float32 of N objects; the target's classes are the names of the K keypoints.

    Each has x and y in pixels, counted from the picture's corner, so that a pixel's centre lies at
    its index plus a half, and a visibility as in COCO (Lin et al., 2014): 0 unknown, 1 hidden, 2
    visible. Of an unknown keypoint all three are 0. One that leaves the picture becomes unknown, as
    in the field's crops; its object stays, even if nothing is known of it any more. In a mirror
    left and right are exchanged, where ``Target.mirrored`` names them.
    """

    unknown: ClassVar[float] = 0
    counted: ClassVar[str] = "known keypoints"
    uncounted: ClassVar[str | None] = "unknown keypoints"

    def exact(self, value: Any) -> Array:
        """In float32, without the place of what is unknown."""
        found = self._in_dtype(value)
        if found.ndim != 3 or found.shape[-1] != 3:
            raise ValueError(f"an array of shape {found.shape} is given instead of (N, K, 3)")
        blank = self.is_unknown(found)
        return np.where(blank[..., None], 0, found) if found[blank].any() else found

    def misfit(self, value: Array, target: Target) -> str | None:
        """Another number of keypoints, another visibility, or one that is nowhere."""
        if value.shape[1] != len(target.points):
            return f"has {value.shape[1]} keypoints; the target names {len(target.points)}"
        strange = ~np.isin(value[..., 2], (0, 1, VISIBLE))
        if strange.any():
            return f"has a visibility of {value[..., 2][strange][0]:g}; allowed: 0, 1, 2"
        return None if np.isfinite(value).all() else "has a keypoint whose place is no number"

    def is_unknown(self, values: Array) -> npt.NDArray[np.bool_]:
        """Keypoints, (N, K), whose visibility is 0."""
        return np.asarray(values[..., 2] == 0, np.bool_)

    def collate(self, values: Sequence[Array]) -> Tensor:
        """(n, M, K, 3), M the largest number of objects; NaN where a sample has fewer."""
        most = max(len(value) for value in values)
        found = np.full((len(values), most, *values[0].shape[1:]), np.nan, np.float32)
        for row, value in enumerate(values):
            found[row, : len(value)] = value
        return torch.from_numpy(found)

    def separate(self, value: Tensor, place: int) -> Array:
        """Without the padding."""
        objects = value[place].cpu()
        return np.asarray(objects[~objects.isnan().flatten(1).any(1)].numpy(), np.float32)

    def numbers(self, value: Tensor | BatchValue, target: Target) -> Tensor:
        """Of how many objects each keypoint is known; what a head made of keypoints, as it is."""
        assert isinstance(value, Tensor)
        if value.dim() != 4:
            return super().numbers(value, target)
        return (value[..., 2] > 0).sum(1).float()

    def resized(self, value: Array, frame: Frame, side: int) -> Array:
        """Scaled and shifted."""
        scale = np.array([frame.scale_x, frame.scale_y])
        offset = np.array([frame.offset_x, frame.offset_y])
        return _placed(value, value[..., :2] * scale + offset, (side, side))

    def to_original(self, value: Array, frame: Frame) -> Array:
        """The counterpart."""
        scale = np.array([frame.scale_x, frame.scale_y])
        offset = np.array([frame.offset_x, frame.offset_y])
        return _placed(value, (value[..., :2] - offset) / scale, (frame.height, frame.width))

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """Exactly."""

        def change(points: Tensor, there: Labelled) -> Tensor:
            around = turn_points(points[..., :2], turn.quarters, turn.size)
            known = turn.rows(there).view(-1, 1, 1) & (points[..., 2] > 0)
            places = torch.where(known.unsqueeze(-1), around, points[..., :2])
            return torch.cat([places, points[..., 2:]], -1)

        return on_cpu(labelled, change)

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """Each to its place; unknown where that is outside."""

        def change(points: Tensor, there: Labelled) -> Tensor:
            flat = points[..., :2].flatten(1, 2)
            places = move_points(flat, motion.matrix[there.index].double())
            value = points.numpy()
            moved = places.numpy().reshape(*value.shape[:-1], 2)
            return torch.from_numpy(_placed(value, moved, motion.size))

        return on_cpu(labelled, change)

    def parts(self, value: Array) -> PlacedParts:
        """Every keypoint's place."""
        return PlacedParts(points=value[..., :2].reshape(-1, 2))

    def from_parts(self, value: Array, parts: PlacedParts) -> Array:
        """Each in its new place; unknown where that is outside, or not known."""
        assert parts.outside is not None
        height, width = parts.outside.shape
        return _placed(value, parts.points.reshape(*value.shape[:-1], 2), (height, width))

    def count(self, tally: Tally, value: Array) -> None:
        """Of how many objects each keypoint is known, and how many objects an image has."""
        blank = self.is_unknown(value)
        tally.counts += (~blank).sum(0)
        tally.ignored += int(blank.sum())
        tally.note(PER_IMAGE, len(value))

    def draw(self, canvas: Canvas, value: Array, target: Target, factor: int) -> Canvas:
        """Visible ones as discs, hidden ones as rings, with the skeleton's lines."""
        visible, known = value[..., 2] == VISIBLE, ~self.is_unknown(value)
        return draw_keypoints(canvas, value[..., :2] * factor, visible, known, target.lines)

    def caption(self, value: Array, target: Target) -> None:
        """Nothing."""
        return

    def renumbered(self, value: Array, table: npt.NDArray[np.int64], known: Target) -> Array:
        """Keypoints that the network doesn't know are left out; those the data lacks, unknown."""
        found = np.zeros((len(value), len(known.points), 3), np.float32)
        found[:, table[table >= 0]] = value[:, table >= 0]
        return found


def _placed(value: Array, places: Array, size: tuple[int, int]) -> Array:
    """(..., K, 3) with other places, (..., K, 2); 0 where unknown or outside of (H, W)."""
    limit = np.array([size[1], size[0]]) + SLACK
    with np.errstate(invalid="ignore"):
        inside = ((places >= -SLACK) & (places <= limit)).all(-1) & (value[..., 2] != 0)
    found = np.concatenate([places, value[..., 2:]], -1)
    # What pads a batch stays NaN.
    return np.where((inside | np.isnan(value[..., 2]))[..., None], found, 0).astype(np.float32)
