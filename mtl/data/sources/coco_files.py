"""The files of each split in COCO's format, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl.config.nearest import unknown
from mtl.data.sample import IGNORE_PIXEL, Target
from mtl.data.sources.base import Split
from mtl.data.sources.coco_file import CocoFile
from mtl.data.sources.coco_index import Flag
from mtl.data.sources.coco_keypoints import keypoint_target
from mtl.data.sources.coco_layout import refuse_outside
from mtl.errors import UserError

STUFF = "stuff"
"""How files begin whose areas are regions and not objects, as COCO-Stuff's do."""


@dataclass(frozen=True)
class CocoFiles:
    """The annotation files of one split, by what they hold; regions are panoptic or of stuff."""

    objects: CocoFile | None = None
    regions: CocoFile | None = None
    keypoints: CocoFile | None = None

    @property
    def all(self) -> list[CocoFile]:
        """Those that there are, the first telling the images' order."""
        files = (self.objects, self.regions, self.keypoints)
        return list(dict.fromkeys(file for file in files if file is not None))


def opened(split: Split, paths: Sequence[Path], kept: Path) -> CocoFiles:
    """A split's files by what they hold; one without images is none.

    Args:
        split: whose.
        paths: of the files.
        kept: the folder in which large files' indices are kept.

    Raises:
        UserError: two hold the same, or one is broken.
    """
    kinds: dict[str, CocoFile] = {}
    for path in paths:
        file = CocoFile(path, kept)
        refuse_outside(path, file.names())
        kind = _kind(file)
        if len(file) == 0:
            continue
        if kind in kinds:
            raise UserError(
                f"{kinds[kind].path} and {path} both hold {kind} of {split}; "
                f"data.annotations={{{split}: FILE}} says which to read"
            )
        kinds[kind] = file
    # A file of keypoints has boxes, too, if of fewer classes than one of objects alone.
    objects = kinds.get("objects", kinds.get("keypoints"))
    # Panoptic pictures show things, too.
    regions = kinds.get("panoptic", kinds.get("stuff"))
    return CocoFiles(objects, regions, kinds.get("keypoints"))


def chosen_names(files: Iterable[CocoFile | None], chosen: Sequence[str] | None) -> tuple[str, ...]:
    """The categories of some files by their ids, or those of the chosen that they have.

    Args:
        files: None is none.
        chosen: in their order; None takes all.
    """
    there = [file for file in files if file is not None]
    every = tuple(dict.fromkeys(name for file in there for name in file.in_order))
    return every if chosen is None else tuple(name for name in chosen if name in every)


def check_chosen(files: Iterable[CocoFile], chosen: Sequence[str]) -> None:
    """Look for chosen names that no file has.

    Raises:
        UserError: there is one, or one is named twice, or none at all.
    """
    every = {name for file in files for name in file.classes}
    for name in chosen:
        if name not in every:
            raise UserError(f"data.classes: {unknown('category', name, every)}")
    if len(set(chosen)) < max(1, len(chosen)):
        raise UserError("data.classes must name at least one class, and none twice")


def check_regions(names: Sequence[str]) -> None:
    """See that masks can hold these classes beside the background.

    Raises:
        UserError: they are too many.
    """
    if len(names) >= IGNORE_PIXEL:
        raise UserError(
            f"the files of masks have {len(names)} categories, and masks hold "
            f"{IGNORE_PIXEL - 1} classes at most; data.classes=[...] chooses some"
        )


def keypoints_in_all(files: Iterable[CocoFiles]) -> Target | None:
    """What the keypoints are, the same in all files; None where no file has any.

    Raises:
        UserError: two files have others.
    """
    there = [one.keypoints for one in files if one.keypoints is not None]
    targets = [keypoint_target(file) for file in there]
    for file, target in zip(there, targets, strict=True):
        if target.classes != targets[0].classes:
            raise UserError(f"{file.path} has other keypoints than {there[0].path}")
    return targets[0] if targets else None


def _kind(file: CocoFile) -> str:
    if file.flags & Flag.SEGMENTS:
        return "panoptic"
    if file.path.stem.lower().startswith(STUFF):
        return "stuff"
    # One of negatives alone has what its categories say that others have.
    silent = not len(file.arrays["flags"]) and any(one.get("keypoints") for one in file.categories)
    return "keypoints" if file.flags & Flag.KEYPOINTS or silent else "objects"
