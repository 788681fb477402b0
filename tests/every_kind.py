"""Shapes labelled for every kind of target: whatever head there is has something to learn.

``write`` puts them into a folder of configurations, as ``data=every_kind``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mtl.data.instances import Instances
from mtl.data.masks import Masks
from mtl.data.poses import Poses
from mtl.data.sample import Target
from mtl.data.sources.base import ArraySource, Split
from mtl.data.sources.shapes import CLASSES, Shapes
from mtl.data.target.base import Column


def colours(source: ArraySource) -> Column:
    """The means of a picture's red and of its green; of every third, one of them is unknown."""
    means = source.images[..., :2].mean((1, 2)).astype(np.float32)
    means[1::3, 0] = np.nan
    return means


def distances(source: ArraySource) -> Column:
    """The brighter, the farther, in 1 to 6; of every third picture a corner is unknown."""
    metres = 1 + source.images.mean(-1, dtype=np.float32) / 51
    metres[1::3, :9, :9] = np.nan
    return metres


def directions(source: ArraySource) -> Column:
    """More red faces right, more green down; of every third picture a corner is unknown."""
    vectors = source.images.astype(np.float32) - (128, 128, -1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors[1::3, :9, :9] = np.nan
    return vectors.astype(np.float32)


def ends(source: ArraySource) -> Column:
    """Of each box the middles of its sides and its own, of which one in three is hidden."""
    found = []
    for row, boxes in enumerate(source.targets["boxes"]):
        x1, y1, x2, y2 = boxes.xyxy.T
        y = (y1 + y2) / 2
        places = np.stack([(x1, y), ((x1 + x2) / 2, y), (x2, y)])
        seen = np.full((3, 1, len(boxes)), 2, np.float32)
        seen[row % 3] = 1
        value = np.concatenate([places, seen], 1).transpose(2, 0, 1)
        value[:1, (row + 1) % 3] = 0
        found.append(value)
    return found


def shapes(source: ArraySource) -> Column:
    """Of each box as much of it as the mask shows in its class."""
    found = []
    for boxes, mask in zip(source.targets["boxes"], source.targets["mask"], strict=True):
        own = []
        for (x1, y1, x2, y2), label in zip(
            boxes.xyxy.astype(int).tolist(), boxes.labels.tolist(), strict=True
        ):
            inside = np.zeros(mask.shape, np.bool_)
            inside[y1:y2, x1:x2] = True
            own.append(
                (inside & (mask == label + 1)) if (inside & (mask == label + 1)).any() else inside
            )
        found.append(Instances.of(boxes, Masks.of(own, mask.shape)))
    return found


def poses(source: ArraySource) -> Column:
    """The boxes with their ``ends``."""
    pairs = zip(source.targets["boxes"], ends(source), strict=True)
    return [Poses.of(boxes, points) for boxes, points in pairs]


ENDS = ("left", "middle", "right")
POINTS: Mapping[str, Any] = {
    "mirrored": [("left", "right")],
    "skeleton": [("left", "middle"), ("middle", "right")],
}
MADE_UP: Mapping[str, tuple[Target, Callable[[ArraySource], Column]]] = {
    "numbers": (Target("numbers", ("red", "green"), units=("lm", "")), colours),
    "depth": (Target("depth"), distances),
    "normals": (Target("normals"), directions),
    "instances": (Target("instances", CLASSES), shapes),
    "keypoints": (Target("keypoints", ENDS, **POINTS), ends),
    "poses": (Target("poses", CLASSES, keypoints=ENDS, **POINTS), poses),
}
"""Target to what it means and how its column is had from shapes; a new kind adds its own, and its
name in ``conf/data/every_kind.yaml``."""


class EveryKind(Shapes):
    """The shapes, with a target of each kind."""

    @property
    def targets(self) -> Mapping[str, Target]:
        return {**super().targets, **{name: target for name, (target, _) in MADE_UP.items()}}

    def split(self, split: Split) -> ArraySource:
        source = super().split(split)
        columns = {name: make(source) for name, (_, make) in MADE_UP.items()}
        return ArraySource(source.images, source.ids, {**source.targets, **columns}, self.targets)


def write(folder: Path) -> Path:
    """The folder, with ``data/every_kind.yaml`` in it."""
    name = "data/every_kind.yaml"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text((Path(__file__).parent / "conf" / name).read_text())
    return folder
