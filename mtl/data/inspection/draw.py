"""What a sample is labelled with, drawn on it."""

from collections.abc import Mapping
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.sample import IGNORE_LABEL, IGNORE_PIXEL, Boxes, Sample, Target, TargetValue
from mtl.drawing.marks import Canvas, draw_boxes, draw_caption, draw_mask


def draw_targets(sample: Sample, targets: Mapping[str, Target], factor: int = 1) -> Canvas:
    """A sample's image with its targets: areas first, then boxes, captions last.

    Difficult boxes are thin and grey. Masks tint their pixels. Labels are named at the top, one
    line per target, those that are neither positive nor negative with a question mark.

    Args:
        sample: image (H, W, 3) uint8; not changed.
        targets: what the data set can label, by name.
        factor: how many times larger the picture becomes, 1 or more.

    Returns:
        (H * factor, W * factor, 3) uint8 RGB.
    """
    canvas = _enlarged(sample.image, factor)
    kinds = {name: targets[name].kind for name in sample.targets}
    for name, value in sample.targets.items():
        if kinds[name] == "mask":
            mask = _enlarged(cast(npt.NDArray[np.uint8], value), factor)
            canvas = draw_mask(canvas, mask, IGNORE_PIXEL)
    for name, value in sample.targets.items():
        if isinstance(value, Boxes):
            names = [targets[name].classes[label] for label in value.labels]
            indices = value.labels.tolist()
            canvas = draw_boxes(
                canvas, value.xyxy * factor, names, indices, value.difficult.tolist()
            )
    captions = {
        name: caption(value, targets[name].classes)
        for name, value in sample.targets.items()
        if kinds[name] in ("label", "labels")
    }
    if len(captions) == 1:
        return draw_caption(canvas, list(captions.values()))
    return draw_caption(canvas, [f"{name}: {text}" for name, text in captions.items()])


def caption(value: TargetValue, classes: tuple[str, ...]) -> str:
    """A ``label`` or ``labels`` value in words; ``none`` for a vector without a positive."""
    if isinstance(value, int):
        return classes[value]
    pairs = list(zip(classes, cast(npt.NDArray[np.int8], value).tolist(), strict=True))
    certain = [name for name, entry in pairs if entry == 1]
    unsure = [f"{name}?" for name, entry in pairs if entry == IGNORE_LABEL]
    return ", ".join(certain + unsure) or "none"


def _enlarged(picture: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    if factor == 1:
        return picture
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)
