"""Areas of objects as polygons and run lengths, as COCO's files give them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco_mask

from mtl.data.instances import Instances
from mtl.data.masks import Crop, Masks
from mtl.data.sample import Boxes
from mtl.data.sources.run_lengths import run_lengths

FAR = 100
"""Sides of the image by which a polygon may be outside."""


def area_of(segmentation: Any, size: tuple[int, int]) -> Crop:
    """An object's pixels.

    Args:
        segmentation: polygons (lists of x, y, x, y, ...), or run lengths (``counts`` and ``size``),
            compressed or not.
        size: (width, height) of the image.

    Returns:
        They, cut to where they are.

    Raises:
        ValueError: it is none of these, or of another size; the end of a sentence.
    """
    width, height = size
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            raise ValueError(
                f"has a mask of size {segmentation.get('size')} for an image of {height} rows and "
                f"{width} columns"
            )
        counts = _counts(segmentation.get("counts"))
        if min(counts, default=0) < 0 or sum(counts) != width * height:
            raise ValueError("has run lengths that don't add up to the image's pixels")
        coded = coco_mask.frPyObjects({**segmentation, "counts": counts}, height, width)
    elif isinstance(segmentation, list) and segmentation:
        short = [part for part in segmentation if not _is_polygon(part)]
        if short:
            raise ValueError("has a polygon that isn't three or more pairs of numbers")
        # What is drawn takes room by the length of its sides.
        if max(abs(one) for part in segmentation for one in part) > FAR * max(size):
            raise ValueError("has a polygon that reaches far out of the image")
        coded = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    else:
        raise ValueError("has no segmentation")
    left, top, wide, high = map(int, coco_mask.toBbox(coded))
    pixels = coco_mask.decode(coded)[top : top + high, left : left + wide]
    return left, top, np.ascontiguousarray(pixels, np.bool_)


def _counts(said: Any) -> list[int]:
    if isinstance(said, str):
        found: list[int] = run_lengths(said).tolist()
        return found
    if isinstance(said, list) and all(isinstance(one, int) for one in said):
        return said
    raise ValueError("has run lengths that are neither whole numbers nor text")


def _is_polygon(part: Any) -> bool:
    return (
        isinstance(part, list)
        and len(part) >= 6
        and len(part) % 2 == 0
        and all(isinstance(one, int | float) and math.isfinite(one) for one in part)
    )


def with_areas(
    boxes: Boxes,
    areas: Iterable[Crop],
    full: tuple[int, int],
    shown: tuple[int, int],
) -> Instances:
    """Objects with their masks, without those that have no pixel.

    Args:
        boxes: N objects, in the pixels of ``shown``.
        areas: N of them, in the image at full resolution.
        full: its (width, height).
        shown: (width, height) of the image as it was decoded.
    """
    masks = Masks((full[1], full[0]), list(areas))
    if shown != full:
        scale = (shown[0] / full[0], shown[1] / full[1])
        masks = masks.scaled(scale, (0.0, 0.0), (shown[1], shown[0]))
    found = Instances.of(boxes, masks)
    seen = masks.areas > 0
    return found if seen.all() else found.taken(seen)
