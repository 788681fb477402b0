"""Who names the classes of masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from mtl.data.sample import IGNORE_PIXEL
from mtl.data.sources.map_files import CLASS_FILE, MapOptions, class_file, plain_mask
from mtl.data.sources.yolo_layout import looks_like_yolo
from mtl.errors import BadFile, UserError

LOOKED_AT = 50
"""Masks whose values are held against names that may be of boxes."""


def mask_classes(
    root: Path,
    given: Sequence[str],
    options: MapOptions,
    masks: Iterable[Path],
    otherwise: str,
) -> tuple[str, ...]:
    """The names of the values from 1 on: those given, else those of ``root/classes.txt``.

    Args:
        root: of the data.
        given: may be none.
        options: of the maps; a palette goes before names.
        masks: files of some.
        otherwise: how classes are given.

    Raises:
        UserError: the file lists the classes of YOLO's boxes, and the masks have other values.
    """
    if given or options.get("palette"):
        return tuple(given)
    names = class_file(root)
    if not names or not looks_like_yolo(root):
        return names
    highest = _highest(list(masks))
    if highest in (None, len(names)):
        return names
    raise UserError(
        f"{root / CLASS_FILE} lists {len(names)} classes, those of YOLO's boxes, and the masks "
        f"have values up to {highest}; {otherwise} names the classes of the masks"
    )


def named_by(
    root: Path, target: str, given: Sequence[str], options: MapOptions, otherwise: str
) -> str:
    """Who names them, in words; the arguments are those of ``mask_classes``."""
    if options.get("palette"):
        return f"classes of {target}: as data.palette names them"
    if given:
        return f"classes of {target}: as data.classes names them"
    return f"classes of {target}: as {root / CLASS_FILE} names them; {otherwise} otherwise"


def _highest(masks: Sequence[Path]) -> int | None:
    """The highest value that isn't ignored; None where all that can be read are empty."""
    found = set[int]()
    for path in masks[:: max(1, -(-len(masks) // LOOKED_AT))]:
        with suppress(BadFile):
            found |= set(np.unique(plain_mask(path)).astype(int).tolist())
    return max(found - {0, IGNORE_PIXEL}, default=None)
