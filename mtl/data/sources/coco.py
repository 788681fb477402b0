"""``data=coco``: images with annotations in COCO's format."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from mtl.data.sample import Target
from mtl.data.sources.base import DataSet, Split
from mtl.data.sources.coco_files import (
    CocoFiles,
    check_chosen,
    check_regions,
    chosen_names,
    keypoints_in_all,
    opened,
)
from mtl.data.sources.coco_index import Flag
from mtl.data.sources.coco_layout import (
    by_split,
    find_files,
    find_images,
    given_files,
    stem_of,
)
from mtl.data.sources.coco_part import CocoPart, rows_of
from mtl.data.sources.coco_source import CocoSource
from mtl.data.sources.hold_out import check_enough, check_fractions, held_out_notes, hold_out
from mtl.data.sources.mirrored_names import unpaired_note
from mtl.data.sources.objects import pose_target
from mtl.data.sources.picture_names import SplitBy, picture_names
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import agreeing, counted


class CocoSet(DataSet):
    """Json files in COCO's format (Lin et al., 2014) and the images that they list.

    Objects become ``label``, ``labels``, ``boxes`` and, with their polygons or run lengths,
    ``instances``, crowds as difficult ones; those of files with keypoints become ``keypoints`` and,
    with their boxes, ``poses``. Panoptic pictures (Kirillov et al., 2019), or areas of stuff
    (Caesar et al., 2018), become ``mask``. An image without annotations shows none of the classes.

    Args:
        root: the folder; its layout is found (see ``coco_layout``).
        image_size: not needed, since sources are told at each reading.
        annotations: split to json file or files, where the layout doesn't tell; relative to root.
        images: split to the folder of its images, likewise.
        classes: the category names to keep, in this order; None takes all of all files.
        areas: whether objects' polygons and run lengths are read; without them samples are faster.
        val_fraction: share of the training images held out as ``val`` where no file is val's, 0 to
            below 1; by a hash of their names, so that adding images moves none.
        test_fraction: likewise for ``test``.
        split_seed: of the hash.
        split_by: what is hashed, see ``picture_names``.
        index_dir: where what a large file holds is kept for the next start.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        annotations: Mapping[str, str | Sequence[str] | None] | None = None,
        images: Mapping[str, str | None] | None = None,
        classes: Sequence[str] | None = None,
        areas: bool = True,
        val_fraction: float = 0.2,
        test_fraction: float = 0.0,
        split_seed: int = 0,
        split_by: SplitBy = "path",
        index_dir: str = "outputs/cache/index",
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        self.root = Path(root)
        self.annotations = by_split("annotations", annotations)
        self.images = by_split("images", images)
        self.chosen = None if classes is None else tuple(map(str, classes))
        self.areas = areas
        self.fractions: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed
        self.split_by = split_by
        self.index_dir = Path(index_dir)

    def prepare(self) -> None:
        """Read the annotation files.

        Raises:
            UserError: a file or folder is missing or none of its kind.
        """
        if self.chosen is not None:
            check_chosen(
                (file for files in self._files.values() for file in files.all), self.chosen
            )
        check_regions(self._regions)
        _ = self._parts, self.targets

    def look(self) -> None:
        """See that there are annotation files, whatever is in them."""
        _ = self._paths

    @property
    def targets(self) -> Mapping[str, Target]:
        """Those of objects, ``mask`` of regions, ``keypoints`` and ``poses``; see the class."""
        found: dict[str, Target] = {}
        if self._classes:
            for kind in ("label", "labels", "boxes", *(["instances"] if self._with_areas else [])):
                found[kind] = Target(kind, self._classes)
        if self._keypoints is not None:
            found["keypoints"] = self._keypoints
            if self._posed:
                found["poses"] = pose_target(self._keypoints, self._posed)
        if self._regions:
            found["mask"] = Target("mask", ("background", *self._regions))
        return found

    def split(self, split: Split) -> CocoSource | None:
        """That split, or None where no file is its own and nothing is held out for it."""
        return self._parts.get(split)

    def decided(self) -> Sequence[str]:
        """Files, folders and classes."""
        said = []
        for split, files in self._files.items():
            paths = " and ".join(str(file.path) for file in files.all)
            said.append(printable(f"{split}: {paths}, images in {self._whole[split].folder}"))
        given = self.chosen is not None
        number = counted(len(self._classes or self._regions), "category")
        said.append(f"classes: {number}, {'as given' if given else 'by their ids'}")
        return said

    def notes(self) -> Sequence[str]:
        """What was held out, files that are not read, annotations that are left out."""
        said = [] if self.annotations else list(find_files(self.root)[1])
        for files in self._files.values():
            for file in files.all:
                if file.unknown:
                    said.append(
                        f"{file.path}: {counted(file.unknown, 'annotation')} of images that it "
                        f"doesn't list, such as {file.unknown_image}, "
                        f"{agreeing(file.unknown, 'is', 'are')} left out"
                    )
            if files.objects is not None and files.objects.without_extent:
                number = counted(files.objects.without_extent, "box")
                said.append(f"{files.objects.path}: {number} without width or height left out")
            said += self._lacking(files)
        if self._keypoints is not None:
            target = self._keypoints
            why = "no names differ by left and right alone"
            said += unpaired_note(target.classes, target.mirrored, why)
        splits, settled = self._held_out
        said += held_out_notes(splits, self._asked, None if settled else "")
        return [printable(line) for line in said]

    def _lacking(self, files: CocoFiles) -> list[str]:
        if files.objects is None or not self._classes:
            return []
        lacking = [name for name in self._classes if name not in files.objects.classes]
        some = ", ".join(lacking[:5]) + ", ..." * (len(lacking) > 5)
        return [f"{files.objects.path}: {some} were not looked for"] if lacking else []

    @cached_property
    def _paths(self) -> dict[Split, list[Path]]:
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        if self.annotations:
            return given_files(self.root, self.annotations)
        return find_files(self.root)[0]

    @cached_property
    def _files(self) -> dict[Split, CocoFiles]:
        paths = self._paths
        found = {split: opened(split, files, self.index_dir) for split, files in paths.items()}
        if not found["train"].all:
            raise UserError(f"{paths['train'][0]} has no annotations to train on")
        return {split: files for split, files in found.items() if files.all}

    @property
    def _with_areas(self) -> bool:
        files = (files.objects for files in self._files.values())
        return self.areas and any(file.flags & Flag.SEGMENTATION for file in files if file)

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        """Of objects, in the order of their indices."""
        return chosen_names((files.objects for files in self._files.values()), self.chosen)

    @cached_property
    def _posed(self) -> tuple[str, ...]:
        """Of objects that may have keypoints."""
        return chosen_names((files.keypoints for files in self._files.values()), self.chosen)

    @cached_property
    def _regions(self) -> tuple[str, ...]:
        """Of masks, without the background."""
        return chosen_names((files.regions for files in self._files.values()), self.chosen)

    @cached_property
    def _keypoints(self) -> Target | None:
        return keypoints_in_all(self._files.values())

    @cached_property
    def _whole(self) -> dict[Split, CocoSource]:
        """The splits as the files tell them."""
        found = {}
        for split, files in self._files.items():
            names = list(dict.fromkeys(name for file in files.all for name in file.names()))
            folder = self.images.get(split)
            where = (
                find_images(self.root, split, [file.path for file in files.all], names)
                if folder is None
                else self.root / folder
            )
            if not where.is_dir():
                raise UserError(f"data.images: the folder {where} does not exist")
            objects, regions, keypoints = (
                None if file is None else CocoPart(file, rows_of(names, file), classes)
                for file, classes in (
                    (files.objects, self._classes),
                    (files.regions, self._regions),
                    (files.keypoints, self._posed),
                )
            )
            coded = np.array([name.encode("utf-8", "surrogatepass") for name in names], np.bytes_)
            points = 0 if self._keypoints is None else len(self._keypoints.classes)
            found[split] = CocoSource(
                where, coded, (objects, regions, keypoints), points, self._with_areas
            )
        self._refuse_shared(found)
        return found

    def _refuse_shared(self, whole: Mapping[Split, CocoSource]) -> None:
        for one, other in combinations(whole, 2):
            if whole[one].folder.resolve() != whole[other].folder.resolve():
                continue
            shared = np.intersect1d(whole[one].names, whole[other].names)
            if len(shared):
                name = bytes(shared[0]).decode("utf-8", "surrogatepass")
                files = " and ".join(str(self._files[split].all[0].path) for split in (one, other))
                raise UserError(
                    f"{files}: {name} is in {one} and in {other} "
                    f"({counted(len(shared), 'such image')}); an image may be in one alone"
                )

    @property
    def _asked(self) -> dict[Split, float]:
        """The fractions of splits that no file is of."""
        return {s: f for s, f in self.fractions.items() if f > 0 and s not in self._files}

    @cached_property
    def _held_out(self) -> tuple[list[Split], bool]:
        """The split of each image that may train, and whether none of them ever moves."""
        source = self._whole["train"]
        check_enough(len(source), self._asked)
        own = [name.decode("utf-8", "surrogatepass") for name in source.names.tolist()]
        if self.split_by == "path":
            names = picture_names([posixpath.join(source.folder, name) for name in own], self.root)
        else:
            names = [stem_of(name) for name in own]
        return hold_out(names, self._asked, self.split_seed)

    @cached_property
    def _parts(self) -> dict[Split, CocoSource]:
        found = dict(self._whole)
        if self._asked:
            splits = np.array(self._held_out[0])
            for split in ("train", *self._asked):
                found[split] = self._whole["train"].some(np.flatnonzero(splits == split))
        return found
