"""What people call the folders of images and of maps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from mtl.config.columns import IMAGE
from mtl.data.sources.folder_files import folders_in

USUAL: Mapping[str, tuple[str, ...]] = {
    IMAGE: (
        "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "rgb",
        "jpegimages", "frames", "leftimg8bit",
    ),
    "mask": (
        "mask", "masks", "segmentation", "segmentations", "segmentationclass", "seg", "label",
        "labels", "semantic", "annotation", "annotations", "gtfine",
    ),
    "depth": ("depth", "depths", "depthmap", "depthmaps"),
    "normals": ("normals", "normal", "surfacenormals"),
}  # fmt: skip
"""Image or kind to names in lower case, the likeliest first."""


def role_of(folder: Path) -> str | None:
    """What a folder of this name holds: ``image``, a kind of maps, or nobody knows."""
    return role_of_name(folder.name)


@lru_cache
def role_of_name(name: str) -> str | None:
    """``role_of`` of a folder's name."""
    plain = name.lower().replace("_", "").replace("-", "")
    return next((role for role, names in USUAL.items() if plain in names), None)


def likely_folders(root: Path, role: str) -> list[Path]:
    """Those in which files of a role may be: called like it, the root, and those of no role."""
    inside = folders_in(root)
    named = [folder for folder in inside if role_of(folder) == role]
    return [*named, root, *(folder for folder in inside if role_of(folder) is None)]
