"""PlacedParts of targets through steps of albumentations whose maps nobody knows."""

import os
from collections.abc import Mapping
from itertools import islice
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network

import albumentations as A
import numpy as np
import numpy.typing as npt

from mtl.data.sample import IGNORE_PIXEL
from mtl.data.target.placed_parts import PlacedParts

CENTRE = np.float32(0.5)
"""Albumentations' points count from a pixel's centre, and ours from its corner."""
CORNER = 3
"""Points that tell whether the picture is mirrored."""


class Carrying:
    """A pipeline that moves pictures and the parts of their targets.

    Args:
        compose: with ``bbox_params`` and ``keypoint_params``; what its steps bring in from outside
            is IGNORE_PIXEL in masks, and no point is removed for being there.
    """

    def __init__(self, compose: A.Compose) -> None:
        self.compose = compose
        self._maps = 0

    def __call__(
        self, image: npt.NDArray[Any], parts: Mapping[str, PlacedParts]
    ) -> tuple[npt.NDArray[Any], dict[str, PlacedParts]]:
        """Image and parts, moved alike.

        Args:
            image: (H, W, C) uint8, or float in 0..1.
            parts: by target name.
        """
        # A map of its own shows what was brought in from outside: albumentations fills all alike.
        maps = [array for part in parts.values() for array in part.maps]
        inside = np.zeros(image.shape[:2], np.uint8)
        names = [f"map{number}" for number in range(len(maps) + 1)]
        if len(names) > self._maps:
            self.compose.add_targets(dict.fromkeys(names, "mask"))
            self._maps = len(names)
        given: dict[str, Any] = dict(zip(names, [inside, *maps], strict=True))
        points = np.concatenate([_corner(image), *(part.points for part in parts.values())])
        if len(points) > CORNER:
            given["keypoints"] = np.column_stack([points - CENTRE, np.arange(len(points))])
        done = self.compose(image=image, bboxes=_numbered(parts), **given)
        outside = done[names[0]] == IGNORE_PIXEL
        moved = iter([done[name] for name in names[1:]])
        boxes = done["bboxes"].reshape(-1, 5)
        placed = np.full_like(points, np.nan)
        if len(points) > CORNER:
            placed[done["keypoints"][:, 2].astype(int)] = done["keypoints"][:, :2] + CENTRE
        mirrored, first = _mirrored(placed[:CORNER]), CORNER
        found, start = {}, 0
        for name, part in parts.items():
            stop, last = start + len(part.boxes), first + len(part.points)
            mine = boxes[(boxes[:, 4] >= start) & (boxes[:, 4] < stop)]
            found[name] = PlacedParts(
                list(islice(moved, len(part.maps))),
                mine[:, :4].astype(np.float32),
                mine[:, 4].astype(np.int64) - start,
                placed[first:last],
                mirrored,
                outside,
            )
            start, first = stop, last
        return done["image"], found


def _numbered(parts: Mapping[str, PlacedParts]) -> npt.NDArray[np.float32]:
    """All boxes below each other, (N, 5), with their row as a column that travels along."""
    together = np.concatenate([np.zeros((0, 4), np.float32), *(p.boxes for p in parts.values())])
    return np.column_stack([together, np.arange(len(together))]).astype(np.float32)


def _corner(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The picture's middle, a point to its right and one below, whose order a mirror changes."""
    x, y = image.shape[1] / 2, image.shape[0] / 2
    return np.array([(x, y), (x + 1, y), (x, y + 1)], np.float32)


def _mirrored(corner: npt.NDArray[np.float32]) -> bool:
    (right_x, right_y), (below_x, below_y) = (corner[1:] - corner[0]).tolist()
    return bool(right_x * below_y < right_y * below_x)
