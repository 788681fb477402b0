"""One split of a folder in VOC layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.image_file import read_mask
from mtl.data.image_format import USUAL
from mtl.data.sample import Sample, TargetValue
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.first_seen import FirstSeen
from mtl.data.sources.map_files import checked, refuse_other_size
from mtl.data.sources.voc_annotation import object_targets, parse_annotation
from mtl.data.sources.voc_layout import VocLayout

Size = tuple[int, int]


class VocSource(FileSource):
    """Samples with ``label``, ``labels`` and ``boxes`` where annotated, ``mask`` where masked.

    Args:
        layout: the folder.
        names: image ids of this split.
        classes: the chosen names, in the order of their indices.
        dropped: names of objects to leave out quietly; None for every name not chosen.
        mask_values: which index (or IGNORE_PIXEL) each value that may stand in a mask's file
            becomes.
    """

    def __init__(
        self,
        layout: VocLayout,
        names: Sequence[str],
        classes: tuple[str, ...],
        dropped: Collection[str] | None,
        mask_values: Mapping[int, int],
    ) -> None:
        self.layout = layout
        self.names = list(names)
        self.classes = classes
        self.dropped = dropped
        self.mask_values = dict(mask_values)
        self._there = FirstSeen()

    def __len__(self) -> int:
        return len(self.names)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.layout.image(self.names[index]))

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self.layout.image(self.names[index])
        image, full = USUAL.read(path, size)
        shown = (image.shape[1], image.shape[0])
        return Sample(image, str(path), self._targets(index, full, shown), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets in the pixels of the full image, without decoding it."""
        full = USUAL.size(self.layout.image(self.names[index]))
        return self._targets(index, full, full)

    def files(self, index: int) -> list[Path]:
        """Image, annotation and mask."""
        name = self.names[index]
        layout = self.layout
        return [layout.image(name), layout.annotation(name), layout.mask(name)]

    def key(self) -> str:
        """Classes and what becomes of the others."""
        dropped = None if self.dropped is None else sorted(self.dropped)
        return f"{type(self).__qualname__}{self.classes}{dropped}{sorted(self.mask_values.items())}"

    def _targets(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        targets: dict[str, TargetValue] = {}
        annotation = self.layout.annotation(self.names[index])
        if annotation in self._there:
            parsed = parse_annotation(annotation)
            targets |= object_targets(parsed, self.classes, self.dropped, full, shown)
        mask = self.layout.mask(self.names[index])
        if mask in self._there:
            targets["mask"] = self._mask(mask, full, shown)
        return targets

    def _mask(self, path: Path, full: Size, shown: Size) -> npt.NDArray[np.uint8]:
        mask = read_mask(path)
        refuse_other_size(path, mask, full)
        mask = checked(path, mask, self.mask_values)
        if shown == full:
            return mask
        resized = cv2.resize(mask, shown, interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(resized, np.uint8)
