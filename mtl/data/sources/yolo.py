"""``data=yolo``: images with label files as YOLO's tools write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from mtl.config.nearest import unknown
from mtl.data.sample import Target
from mtl.data.sources.base import DataSet, Split
from mtl.data.sources.hold_out import check_enough, check_fractions, held_out_notes, hold_out
from mtl.data.sources.mirrored_names import unpaired_note
from mtl.data.sources.objects import pose_target
from mtl.data.sources.picture_names import SplitBy, picture_names
from mtl.data.sources.yolo_description import YoloDescription, describing_file, read_description
from mtl.data.sources.yolo_labels import has_polygons
from mtl.data.sources.yolo_layout import (
    find_images,
    label_file,
    label_files_in,
    without_repeats,
)
from mtl.data.sources.yolo_source import YoloSource
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import agreeing, counted

MISSING = ("background", "unlabelled")
LOOKED_AT = 50
"""Label files that are looked into for polygons."""


class YoloSet(DataSet):
    """A folder with images, a text file for each, and a yaml or list that names the classes.

    Args:
        root: the folder.
        image_size: not needed, since sources are told at each reading.
        labels: the folder name that takes the place of the last ``images`` in an image's path.
        description: the yaml or list, where there are several; relative to root.
        missing: what an image without a label file is: ``background``, as YOLO takes it, or
            ``unlabelled``.
        classes: the names to keep, in this order; None takes all.
        val_fraction: share of the training images held out as ``val`` where the description tells
            none, 0 to below 1; by a hash of their paths, so that adding images moves none.
        test_fraction: likewise for ``test``.
        split_seed: of the hash.
        split_by: what is hashed, see ``picture_names``.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        labels: str = "labels",
        description: str | None = None,
        missing: str = "background",
        classes: Sequence[str] | None = None,
        val_fraction: float = 0.2,
        test_fraction: float = 0.0,
        split_seed: int = 0,
        split_by: SplitBy = "path",
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        if missing not in MISSING:
            raise UserError(f"data.missing={missing} must be one of {', '.join(MISSING)}")
        self.root = Path(root)
        self.labels = labels
        self.described = description
        self.background = missing == "background"
        self.chosen = None if classes is None else tuple(map(str, classes))
        self.fractions: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed
        self.split_by = split_by

    def prepare(self) -> None:
        """Read the description and list the images.

        Raises:
            UserError: something is missing or none of its kind.
        """
        _ = self._splits, self.targets

    def look(self) -> None:
        """See that there is a description."""
        _ = self._description

    @property
    def targets(self) -> Mapping[str, Target]:
        """Those of boxes; ``instances`` of polygons, ``keypoints`` and ``poses``."""
        kinds = ["label", "labels", "boxes", *(["instances"] if self._polygons else [])]
        found = {kind: Target(kind, self._classes) for kind in kinds}
        about = self._description
        if about.points:
            found["keypoints"] = Target("keypoints", about.points, mirrored=about.mirrored)
            found["poses"] = pose_target(found["keypoints"], self._classes)
        return found

    def split(self, split: Split) -> YoloSource | None:
        """That split, or None where nothing tells of it and nothing is held out for it."""
        images = self._splits.get(split)
        if images is None:
            return None
        return YoloSource(
            images,
            self.root,
            self.labels,
            self._description,
            self._classes,
            self._polygons,
            self.background,
        )

    def decided(self) -> Sequence[str]:
        """Description, labels and classes."""
        what = "polygons" if self._polygons else "boxes"
        if self._description.points:
            what = f"boxes with {counted(len(self._description.points), 'keypoint')} each"
        given = "as given" if self.chosen is not None else f"as {self._description.file} names them"
        return [
            printable(line)
            for line in (
                *(
                    f"{split}: {counted(len(paths), 'image')} of {paths[0].parent}"
                    for split, paths in self._told[0].items()
                ),
                f"labels: {what} in {self._files[0].parent}",
                f"classes: {len(self._classes)}, {given}",
            )
        ]

    def notes(self) -> Sequence[str]:
        """What was held out, images without label files, label files without images."""
        said = list(self._told[1])
        about = self._description
        why = f"{about.file} has no flip_idx that pairs some"
        said += unpaired_note(about.points, about.mirrored, why)
        files = set(self._files)
        shared = [file for file, number in Counter(self._files).items() if number > 1]
        if shared:
            many = counted(len(shared), "label file")
            said.append(
                f"{many} {agreeing(len(shared), 'is', 'are')} of several images, which differ by "
                f"their endings alone, such as {shared[0]}"
            )
        there = label_files_in({file.parent for file in files})
        lacking = len(files - there)
        if lacking:
            taken = (
                "background; data.missing=unlabelled says nothing of them"
                if self.background
                else "unlabelled; data.missing=background takes them as without objects"
            )
            said.append(f"{counted(lacking, 'image')} without a label file, taken as {taken}")
        alone = sorted(there - files)
        if alone:
            some = ", ".join(path.name for path in alone[:3]) + ", ..." * (len(alone) > 3)
            said.append(
                f"{counted(len(alone), 'label file')} without an image "
                f"{agreeing(len(alone), 'is', 'are')} not read: {some}"
            )
        splits, settled = self._held_out
        said += held_out_notes(splits, self._asked, None if settled else "")
        return [printable(line) for line in said]

    @cached_property
    def _description(self) -> YoloDescription:
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        return read_description(describing_file(self.root, self.labels, self.described))

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        names = tuple(self._description.names.values())
        if self.chosen is None:
            return names
        for name in self.chosen:
            if name not in names:
                raise UserError(f"data.classes: {unknown('class', name, names)}")
        if len(set(self.chosen)) < max(1, len(self.chosen)):
            raise UserError("data.classes must name at least one class, and none twice")
        return self.chosen

    @cached_property
    def _told(self) -> tuple[dict[Split, list[Path]], list[str]]:
        """The images of each split as the description tells them, and what to say of that."""
        found = find_images(self.root, self._description)
        return without_repeats(found, self._description.file)

    @cached_property
    def _files(self) -> list[Path]:
        """The label files of all images, which need not exist."""
        told = self._told[0].values()
        return [label_file(path, self.root, self.labels) for paths in told for path in paths]

    @cached_property
    def _polygons(self) -> bool:
        if self._description.points:
            return False
        there = [path for path in self._files if path.is_file()]
        if not there:
            raise UserError(
                f"{self._files[0]} does not exist, nor any other label file; data.labels=NAME "
                "names their folder"
            )
        known = (one for path in there if (one := has_polygons(path)) is not None)
        return any(islice(known, LOOKED_AT))

    @property
    def _asked(self) -> dict[Split, float]:
        """The fractions of splits that are told by nothing."""
        return {s: f for s, f in self.fractions.items() if f > 0 and s not in self._told[0]}

    @cached_property
    def _held_out(self) -> tuple[list[Split], bool]:
        """The split of each image that may train, and whether none of them ever moves."""
        images = self._told[0]["train"]
        check_enough(len(images), self._asked)
        if self.split_by == "path":
            names = picture_names(images, self.root)
        else:
            names = [
                (path.relative_to(self.root) if path.is_relative_to(self.root) else path)
                .with_suffix("")
                .as_posix()
                for path in images
            ]
        return hold_out(names, self._asked, self.split_seed)

    @cached_property
    def _splits(self) -> dict[Split, list[Path]]:
        found = dict(self._told[0])
        for split in ("train", *self._asked):
            pairs = zip(self._told[0]["train"], self._held_out[0], strict=True)
            found[split] = [path for path, there in pairs if there == split]
        return found
