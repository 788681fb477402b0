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


class Carrying:
    """A pipeline that moves pictures and the parts of their targets.

    Args:
        compose: with ``bbox_params``; what its steps bring in from outside is IGNORE_PIXEL in
            masks.
    """

    def __init__(self, compose: A.Compose) -> None:
        self.compose = compose
        self._maps = 0

    def __call__(
        self, image: npt.NDArray[np.uint8], parts: Mapping[str, PlacedParts]
    ) -> tuple[npt.NDArray[Any], dict[str, PlacedParts]]:
        """Image and parts, moved alike.

        Args:
            image: (H, W, 3) uint8.
            parts: by target name.
        """
        # A map of its own shows what was brought in from outside: albumentations fills all alike.
        maps = [array for part in parts.values() for array in part.maps]
        inside = np.zeros(image.shape[:2], np.uint8)
        names = [f"map{number}" for number in range(len(maps) + 1)]
        if len(names) > self._maps:
            self.compose.add_targets(dict.fromkeys(names, "mask"))
            self._maps = len(names)
        given = dict(zip(names, [inside, *maps], strict=True))
        done = self.compose(image=image, bboxes=_numbered(parts), **given)
        outside = done[names[0]] == IGNORE_PIXEL
        moved = iter([done[name] for name in names[1:]])
        boxes = done["bboxes"].reshape(-1, 5)
        found, start = {}, 0
        for name, part in parts.items():
            stop = start + len(part.boxes)
            mine = boxes[(boxes[:, 4] >= start) & (boxes[:, 4] < stop)]
            found[name] = PlacedParts(
                list(islice(moved, len(part.maps))),
                mine[:, :4].astype(np.float32),
                mine[:, 4].astype(np.int64) - start,
                outside,
            )
            start = stop
        return done["image"], found


def _numbered(parts: Mapping[str, PlacedParts]) -> npt.NDArray[np.float32]:
    """All boxes below each other, (N, 5), with their row as a column that travels along."""
    together = np.concatenate([np.zeros((0, 4), np.float32), *(p.boxes for p in parts.values())])
    return np.column_stack([together, np.arange(len(together))]).astype(np.float32)
