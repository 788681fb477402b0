"""Which data set reads a folder, by what lies in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mtl.config.nearest import listing
from mtl.data.sources.coco_layout import looks_like_coco
from mtl.data.sources.folders_layout import looks_like_folders
from mtl.data.sources.image_folder import (
    labels_beside,
    looks_like_image_folder,
    looks_like_voc,
    refuse_other_layouts,
)
from mtl.data.sources.table_layout import looks_like_table
from mtl.data.sources.yolo_layout import looks_like_yolo
from mtl.errors import UserError

FORMATS: Mapping[str, Callable[[Path], bool]] = {
    "voc_folder": looks_like_voc,
    "coco": looks_like_coco,
    "yolo": looks_like_yolo,
    "csv": looks_like_table,
    "folders": looks_like_folders,
}
"""Member of ``data`` to what recognises its folders, the surest first."""
LAST = "image_folder"
"""What others' folders look like, too: folders of images."""


def formats_of(root: Path) -> list[str]:
    """The members of ``data`` that may read a folder, the likeliest first.

    Raises:
        UserError: there is no such folder, none of them, or folders in it that they do read.
    """
    if not root.is_dir():
        raise UserError(f"the folder {root} does not exist; set data.root=")
    found = [name for name, fits in FORMATS.items() if fits(root)]
    if not found and looks_like_image_folder(root) and not labels_beside(root):
        refuse_other_layouts(root)
        return [LAST]
    if not found:
        known = listing([*FORMATS, LAST])
        raise UserError(
            f"{root} looks like none of {known}; data=NAME says what reads it (mtl ls data), or "
            "data.root= names a folder further inside"
        )
    return found
