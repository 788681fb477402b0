"""Panoptic pictures, each segment of a colour of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.image_file import read_image
from mtl.data.sample import IGNORE_PIXEL

VOID = 0
"""The id of pixels in no segment of a panoptic picture."""


def panoptic_mask(path: Path, segments: Any, index_of: Mapping[Any, int]) -> npt.NDArray[np.uint8]:
    """A panoptic picture (Kirillov et al., 2019) as class indices.

    Args:
        path: of the picture; a segment's id is R + 256 G + 65536 B.
        segments: its ``segments_info``, as a file has them.
        index_of: what a category's pixels become, by the category's id.

    Returns:
        (H, W); pixels of no segment are IGNORE_PIXEL.

    Raises:
        BadFile: the picture can't be read.
        ValueError: it shows a segment that nobody says the category of; the end of a sentence.
    """
    if not isinstance(segments, list) or not all(map(_is_segment, segments)):
        raise ValueError("has segments_info that isn't a list of id and category_id each")
    red, green, blue = np.moveaxis(read_image(path)[0].astype(np.uint32), -1, 0)
    ids = red | green << 8 | blue << 16
    category_of = {VOID: None, **{one.get("id"): one.get("category_id") for one in segments}}
    known = sorted(one for one in category_of if isinstance(one, int))
    place = np.searchsorted(np.array(known[1:], np.uint32), ids, side="right")
    wrong = np.array(known, np.uint32)[place] != ids
    odd = [one for one in known if one != VOID and category_of[one] not in index_of]
    if wrong.any() or odd:
        segment = ids[wrong][0] if wrong.any() else odd[0]
        raise ValueError(f"shows the segment {segment}, of which no category is said")
    values = [IGNORE_PIXEL, *(index_of[category_of[one]] for one in known[1:])]
    return np.asarray(np.array(values, np.uint8)[place])


def _is_segment(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("id"), int)
        and 0 <= one["id"] < 2**32
        and isinstance(one.get("category_id"), int | str)
    )
