"""From an image to the network's picture and back, whatever decides in between."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl.data.image_format import USUAL, ImageFormat
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sources.one_image import OneImage
from mtl.model.head.base import Head
from mtl.runs.prediction.decider import Picture, Prepared


class OnPictures(ABC):
    """A ``Decider`` whose decisions lie in the network's picture.

    Args:
        preprocess: the deterministic steps that the network was trained with.
        batch_size: images that are decided on together, 1 or more.
        images: what they are.
    """

    def __init__(
        self, preprocess: Preprocess, batch_size: int, images: ImageFormat = USUAL
    ) -> None:
        self.preprocess = preprocess
        self.images = images
        self.batch_size = batch_size
        self._local = threading.local()

    @property
    @abstractmethod
    def tasks(self) -> Mapping[str, Head]:
        """The heads."""

    @abstractmethod
    def decide(self, batch: Sequence[Prepared]) -> list[dict[str, Any]]:
        """See ``Decider``: for each image task to prediction, in the network's picture."""

    def __call__(self, images: Sequence[Picture]) -> list[dict[str, Any]]:
        """Decide on images in memory.

        Args:
            images: (H, W, 3) uint8 RGB each, or what files hold; of any size.

        Returns:
            For each image task to prediction, in the pixels of the image (see ``Head.unbatch``).
        """
        found: list[dict[str, Any]] = []
        for start in range(0, len(images), self.batch_size):
            batch = [self.prepared(image) for image in images[start : start + self.batch_size]]
            rows = self.decide(batch)
            found += [self.in_pixels(row, p) for row, p in zip(rows, batch, strict=True)]
        return found

    def prepared(self, image: Path | Picture) -> Prepared:
        """See ``Decider``; a large JPEG is decoded smaller, as for training.

        ``content`` is the network's picture and its place in the image at full resolution.
        """
        source = OneImage(image, self.images)
        sample, frame = picture(source, 0, self._own_preprocess(), {})
        return Prepared((sample.image, frame), frame.width, frame.height, source.whole)

    def in_pixels(self, decided: Mapping[str, Any], prepared: Prepared) -> dict[str, Any]:
        """See ``Decider``."""
        _, frame = prepared.content
        heads = self.tasks
        return {
            task: heads[task].to_original(prediction, frame) for task, prediction in decided.items()
        }

    def _own_preprocess(self) -> Preprocess:
        """A thread's own: steps of a user's need not stand being called by several at a time."""
        if not hasattr(self._local, "preprocess"):
            self._local.preprocess = copy.deepcopy(self.preprocess)
        own: Preprocess = self._local.preprocess
        return own
