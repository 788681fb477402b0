"""What predicts with an exported file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mtl.config.trust import Trust
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.normalise import Normalise
from mtl.data.sources.one_image import OneImage
from mtl.errors import BadFile, UserError
from mtl.model.head.base import Head
from mtl.runs.export.read import Exported, read
from mtl.runs.export.runner import Arrays
from mtl.runs.export.speakers import Speakers, speakers_of
from mtl.runs.prediction.decider import Picture, Prepared
from mtl.runs.prediction.on_pictures import OnPictures


class FileDecider(OnPictures):
    """Decides as the run did that the file was made of.

    Args:
        exported: the file.
        speakers: its heads and preprocessing.
        batch_size: images that go through the graph together, 1 or more.
    """

    def __init__(self, exported: Exported, speakers: Speakers, batch_size: int) -> None:
        super().__init__(speakers.preprocess, batch_size, speakers.images)
        self._exported = exported
        self._heads = speakers.heads
        self._as_they_are = exported.description["preprocess"]["in_graph"] is True
        self._mirrored = exported.description["input"].get("colours") == "bgr"
        self._normalise = Normalise(self.preprocess.mean, self.preprocess.std)

    @classmethod
    def open(cls, path: Path, batch_size: int, trust: Trust) -> FileDecider:
        """A file, perhaps a stranger's, of which a grey picture is asked first.

        Args:
            path: of the file.
            batch_size: see the class.
            trust: whose classes it may name.

        Raises:
            UserError: see ``read`` and ``speakers_of``.
            BadFile: likewise, or it doesn't say what its description tells.
        """
        exported = read(path)
        speakers = speakers_of(exported, trust)
        made = cls(exported, speakers, batch_size)
        side = speakers.preprocess.image_size
        [said] = made([np.full((side, side, speakers.images.channels), 127, np.uint8)])
        try:
            for task, head in made.tasks.items():
                head.record(said[task])
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise made._differs(error) from error
        return made

    @property
    def tasks(self) -> Mapping[str, Head]:
        """The heads."""
        return self._heads

    def prepared(self, image: Path | Picture) -> Prepared:
        """See ``Decider``; an image as it is where the graph prepares it."""
        if not self._as_they_are:
            return super().prepared(image)
        source = OneImage(image, self.images)
        sample = source.read(0, self.preprocess.image_size)
        height, width = sample.image.shape[:2]
        frame = self._own_preprocess().frame(height, width)
        if sample.size is not None:
            frame = frame.at_size(*sample.size)
        return Prepared((sample.image, frame), frame.width, frame.height, source.whole)

    def decide(self, batch: Sequence[Prepared]) -> list[dict[str, Any]]:
        """See ``Decider``: predictions in the network's picture.

        Raises:
            BadFile: the graph can't be run, or says what no network of ours does.
        """
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for place, prepared in enumerate(batch):
            by_shape.setdefault(prepared.content[0].shape, []).append(place)
        found: dict[int, dict[str, Any]] = {}
        for places in by_shape.values():
            found |= zip(places, self._decide([batch[p].content for p in places]), strict=True)
        return [found[place] for place in range(len(batch))]

    def _decide(self, contents: Sequence[tuple[Picture, Frame]]) -> list[dict[str, Any]]:
        """On images of one size."""
        images = np.stack([image for image, _ in contents])
        frame = None
        if self._as_they_are:
            height, width = images.shape[1:3]
            frame = contents[0][1].at_size(width, height)
        outputs = self._exported.run(self._as_input(images))
        try:
            by_task = {
                task: head.unbatch(head.from_exported(self._of(task, outputs), frame))
                for task, head in self._heads.items()
            }
            rows = list(zip(*by_task.values(), strict=True))
            if len(rows) != len(contents):
                raise ValueError(f"{len(rows)} rows for {len(contents)} images")
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise self._differs(error) from error
        return [dict(zip(by_task, row, strict=True)) for row in rows]

    def _as_input(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """(B, H, W, C) pixels as the graph takes them."""
        if self._as_they_are:
            return np.ascontiguousarray(images[..., ::-1]) if self._mirrored else images
        normal = self._normalise(torch.from_numpy(images).permute(0, 3, 1, 2))
        return np.ascontiguousarray(normal.numpy())

    def _of(self, task: str, outputs: Arrays) -> dict[str, torch.Tensor]:
        """A task's own outputs, by their names within it."""
        names = self._exported.description["tasks"][task]["outputs"]
        return {n.removeprefix(f"{task}."): torch.from_numpy(outputs[n]) for n in names}

    def _differs(self, error: Exception) -> UserError:
        return BadFile(
            self._exported.path, f"doesn't say what its description tells ({error!r:.100})"
        )
