"""The targets that an image's objects come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mtl.data.sample import IGNORE_LABEL, Boxes, Target, TargetValue

Size = tuple[int, int]


def object_values(
    boxes: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    difficult: npt.NDArray[np.bool_],
    classes: int,
    full: Size,
    shown: Size,
    looked_for: npt.NDArray[np.bool_] | None = None,
) -> Mapping[str, TargetValue]:
    """The targets ``label``, ``labels`` and ``boxes`` of one image.

    ``label`` is the class of the largest object that is not difficult, and absent where there is
    none or where not every class was looked for. In ``labels`` a class that is present only as
    difficult is IGNORE_LABEL, as is an absent one that was not looked for.

    Args:
        boxes: (N, 4) xyxy pixels of the image at full resolution, inside it.
        labels: (N,) class indices.
        difficult: (N,).
        classes: how many there are.
        full: (width, height) of the image at full resolution, pixels.
        shown: (width, height) that the boxes shall be in.
        looked_for: (C,) of which classes all objects are given; None of every one.
    """
    every = np.zeros(classes, np.int8)
    if looked_for is not None:
        every[~looked_for] = IGNORE_LABEL
    every[labels[difficult]] = IGNORE_LABEL
    every[labels[~difficult]] = 1
    scaled = boxes * (np.array([*shown, *shown]) / [*full, *full])
    values: dict[str, TargetValue] = {
        "labels": every,
        "boxes": Boxes(
            scaled.reshape(-1, 4).astype(np.float32),
            labels.astype(np.int64),
            difficult.astype(np.bool_),
            looked_for=looked_for,
        ),
    }
    areas = np.where(difficult, 0, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    if looked_for is None and areas.any():
        values["label"] = int(labels[areas.argmax()])
    return values


def pose_target(points: Target, classes: Sequence[str]) -> Target:
    """What ``poses`` are.

    Args:
        points: what an object's keypoints are.
        classes: of the objects.
    """
    return Target(
        "poses",
        classes,
        keypoints=points.classes,
        mirrored=points.mirrored,
        skeleton=points.skeleton,
    )
