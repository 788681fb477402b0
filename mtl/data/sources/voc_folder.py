"""``data=voc_folder``: anyone's own images in VOC layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mtl.data.sample import IGNORE_PIXEL, Target
from mtl.data.sources.base import DataSet, Split
from mtl.data.sources.folder_files import composed
from mtl.data.sources.hold_out import check_enough, check_fractions, held_out_notes, hold_out
from mtl.data.sources.voc_annotation import class_names
from mtl.data.sources.voc_layout import VocLayout, check_disjoint
from mtl.data.sources.voc_lists import write_lists
from mtl.data.sources.voc_source import VocSource
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import agreeing, counted

OTHERS = ("error", "drop")
MASKS = ("indices", "binary")


class VocFolder(DataSet):
    """A folder with JPEGImages, Annotations, ImageSets and perhaps SegmentationClass.

    An image belongs to the split whose list in ImageSets/Main or ImageSets/Segmentation names it.
    Where no list says which images train, those in no list do, less what the fractions hold out.
    Annotations and masks may be missing for any image, which then lacks those targets.

    Args:
        root: the folder.
        classes: all class names, in the order in which masks number them from 1; None takes the
            names found in the annotations, sorted.
        others: ``error`` or ``drop``: what becomes of objects of other classes.
        masks: ``indices``: the pixels of a mask are class indices, 255 is ignored; or ``binary``:
            whatever isn't 0 is the one class.
        val_fraction: share of the training images held out as ``val``, 0 to below 1; by a hash of
            their names, so that adding images moves none. If above 0, the folder's own val list
            becomes ``test`` where nothing else does; where both are there, nothing is held out.
        test_fraction: likewise for ``test`` where the folder has no list of that name.
        split_seed: of the hash.
        image_size: not needed, since sources are told at each reading.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        classes: Sequence[str] | None = None,
        others: str = "error",
        masks: str = "indices",
        val_fraction: float = 0.0,
        test_fraction: float = 0.0,
        split_seed: int = 0,
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        if others not in OTHERS:
            raise UserError(f"data.others={others} must be one of {', '.join(OTHERS)}")
        if masks not in MASKS:
            raise UserError(f"data.masks={masks} must be one of {', '.join(MASKS)}")
        self.root = Path(root)
        self.binary = masks == "binary"
        self.chosen = _checked(classes)
        self.dropped: Collection[str] | None = None if others == "drop" else ()
        self.fractions: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed

    def prepare(self) -> None:
        """Check the folder and find the classes.

        Raises:
            UserError: the folder or one of its parts is missing, or an image is in two splits.
        """
        _ = self.splits, self.classes
        if self.binary and len(self.classes) != 1:
            raise UserError(
                f"data.masks=binary tells one class from the background, and there are "
                f"{len(self.classes)}; set data.classes=[NAME]"
            )

    def look(self) -> None:
        """See that there are images and lists."""
        _ = self.layout

    def decided(self) -> Sequence[str]:
        """The lists of the splits, and the folders that give classes and targets."""
        said = []
        for split in self._given:
            named: Split = "val" if split == "test" and self._val_is_test else split
            files = " and ".join(map(str, self.layout.list_files(named)))
            said.append(printable(f"{split}: {files}"))
        if self.chosen is None:
            said.append(
                f"classes: the {counted(len(self.classes), 'name')} in the annotations, sorted; "
                "data.classes=[...] sets them"
            )
        else:
            said.append(f"classes: {len(self.classes)}, as given")
        for there, folder, targets in (
            (self.layout.has_annotations, "Annotations", "label, labels and boxes"),
            (self.layout.has_masks, "SegmentationClass", "mask"),
        ):
            said.append(
                f"targets: {targets} from the folder {folder}"
                if there
                else f"no target {targets}: there is no folder {folder}"
            )
        return said

    def notes(self) -> Sequence[str]:
        """Lists that became something else, what was held out, and images in no list."""
        said = [
            f"the list {split} stays {split}: data.{split}_fraction holds nothing out"
            for split, fraction in self.fractions.items()
            if fraction > 0 and split in self.lists() and split in self._given
        ]
        if self._val_is_test:
            said.append(
                "the list val is taken as test, since data.val_fraction holds val out of train"
            )
        splits, settled = self._held_out
        said += held_out_notes(splits, self._asked, None if settled else "")
        said += map(printable, self.layout.unread())
        if "train" not in self.lists():
            return ["no list of training images: the images in no list are split", *said]
        unlisted = self.layout.unlisted
        if unlisted:
            some = ", ".join(map(printable, unlisted[:3])) + ", ..." * (len(unlisted) > 3)
            said.append(
                f"{counted(len(unlisted), 'image')} of {self.root / 'JPEGImages'} "
                f"{agreeing(len(unlisted), 'is', 'are')} in no list and not used: {some}"
            )
        return said

    @property
    def targets(self) -> Mapping[str, Target]:
        """``label``, ``labels`` and ``boxes`` if there are annotations, ``mask`` if any masks."""
        found: dict[str, Target] = {}
        if self.layout.has_annotations:
            found["label"] = Target("label", self.classes)
            found["labels"] = Target("labels", self.classes)
            found["boxes"] = Target("boxes", self.classes)
        if self.layout.has_masks:
            found["mask"] = Target("mask", ("background", *self.classes))
        return found

    def split(self, split: Split) -> VocSource | None:
        """That split, or None where the folder has no list for it."""
        if split not in self.splits:
            return None
        names = self.splits[split]
        return VocSource(self.layout, names, self.classes, self.dropped, self.mask_values)

    def write_lists(self, overwrite: bool) -> Mapping[Path, int]:
        """``ImageSets/Main/{train,val,test}.txt``; see ``DataSet``."""
        if overwrite:
            fractions = {split: share for split, share in self.fractions.items() if share > 0}
            names = self.layout.images
            check_enough(len(names), fractions)
            splits, _ = hold_out(names, fractions, self.split_seed)
            lists = {split: _of(split, names, splits) for split in ("train", *fractions)}
        else:
            new = {"train", *self.splits} - (self.lists().keys() - {"train"})
            lists = {split: names for split, names in self.splits.items() if split in new}
        return write_lists(self.layout, lists, overwrite)

    @cached_property
    def layout(self) -> VocLayout:
        """The folder, checked."""
        layout = VocLayout(self.root)
        layout.check()
        return layout

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of their indices."""
        if self.chosen is not None:
            return self.chosen
        names: set[str] = set()
        for listed in (*self.layout.listed.values(), self._pool):
            for name in listed:
                file = self.layout.annotation(name)
                names |= (class_names(file) if file.exists() else None) or set()
        if not names:
            folder = self.root / "Annotations"
            raise UserError(f"{folder} names no object of any class; give data.classes=[...]")
        return tuple(sorted(names))

    @property
    def mask_values(self) -> dict[int, int]:
        """What each value in a mask's file becomes; see VocSource."""
        if self.binary:
            return {value: int(value > 0) for value in range(256)}
        return {value: value for value in (*range(len(self.classes) + 1), IGNORE_PIXEL)}

    @property
    def _val_is_test(self) -> bool:
        """Whether val is held out of train although there is a list of it."""
        lists, fractions = self.lists(), self.fractions
        replaced = {"train", "val"} <= lists.keys() and "test" not in lists
        return replaced and fractions["val"] > 0 and fractions["test"] == 0

    @property
    def _given(self) -> dict[Split, list[str]]:
        """The lists under the names of the splits that they are taken as."""
        lists = dict(self.lists())
        if self._val_is_test:
            lists["test"] = lists.pop("val")
        return lists

    @property
    def _asked(self) -> dict[Split, float]:
        """The fractions of splits that no list tells."""
        return {s: f for s, f in self.fractions.items() if f > 0 and s not in self._given}

    @cached_property
    def _pool(self) -> list[str]:
        """The images that train, less those to be held out."""
        lists = self.lists()
        if not any(self.fractions.values()) or "train" in lists:
            unlisted = len(self.layout.unlisted)
            self.layout.check_train(
                f", or data.val_fraction=0.2 splits the {counted(unlisted, 'image')} that "
                f"{agreeing(unlisted, 'is', 'are')} in no list by a hash of their names; mtl split "
                "writes the lists"
            )
            return lists["train"]
        if not self.layout.unlisted:
            raise UserError(f"{self.layout.root / 'JPEGImages'} has no image to train on")
        return self.layout.unlisted

    @cached_property
    def _held_out(self) -> tuple[list[Split], bool]:
        """The split of each image that may train, and whether none of them ever moves."""
        check_enough(len(self._pool), self._asked)
        return hold_out(self._pool, self._asked, self.split_seed)

    @cached_property
    def splits(self) -> dict[Split, list[str]]:
        """Image ids by split, after holding out."""
        lists = self._given
        check_disjoint(lists, self.layout.root)
        for split in ("train", *self._asked):
            lists[split] = _of(split, self._pool, self._held_out[0])
        # Chosen after holding out, so that no choice of classes moves an image between splits.
        kept = {split: list(filter(self.keeps, names)) for split, names in lists.items()}
        if not kept["train"]:
            raise UserError(f"no training image in {self.root} has an object of data.classes")
        return kept

    def lists(self) -> Mapping[Split, list[str]]:
        """Image ids as the folder lists them."""
        return self.layout.listed

    def keeps(self, name: str) -> bool:
        """Whether an image of these lists is used."""
        return True


def _of(split: Split, names: Sequence[str], splits: Sequence[Split]) -> list[str]:
    return [name for name, there in zip(names, splits, strict=True) if there == split]


def _checked(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    if classes is None:
        return None
    names = tuple(composed(str(name)) for name in classes)
    if not names:
        raise UserError("data.classes=[] must name at least one class, or be null for all")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f"data.classes names {twice[0]!r} twice")
    return names
