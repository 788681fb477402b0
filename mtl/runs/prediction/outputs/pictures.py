"""``formats=[pictures]``: images and videos with what was found drawn on them.

Depths, normals and the like, which hide a picture, are drawn beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mtl.drawing.write import write_photograph
from mtl.model.figures.predictions import draw_sample
from mtl.runs.prediction.decider import Picture, Speaker
from mtl.runs.prediction.inputs.shot import Shot, VideoEnd
from mtl.runs.prediction.journal import Journal
from mtl.runs.prediction.outputs.base import Output
from mtl.runs.prediction.outputs.video_file import VideoFile

JPEG_SUFFIXES = (".jpg", ".jpeg")


class Pictures(Output):
    """``<name>.jpg`` or ``.png``, as the image is; of a video ``<name>.mp4``."""

    drawn: ClassVar[bool] = True

    def __init__(self, folder: Path, tasks: Mapping[str, Speaker]) -> None:
        super().__init__(folder, tasks)
        self._video: VideoFile | None = None

    def make(self, shot: Shot, name: str, found: Mapping[str, Any]) -> Picture | str:
        """The name of the image's file, or a frame for the video."""
        assert shot.pixels is not None
        drawn = np.concatenate(draw_sample(self.tasks, shot.pixels, found), 1)
        if shot.frame is not None:
            return drawn
        file = f"{name}{'.jpg' if shot.file.suffix.lower() in JPEG_SUFFIXES else '.png'}"
        write_photograph(self.folder / file, drawn)
        return file

    def take(self, shot: Shot, name: str, made: Picture | str) -> dict[str, Any]:
        """Frames go into the video one after the other."""
        if isinstance(made, str):
            return {"picture": made}
        if self._video is None:
            assert shot.fps is not None
            height, width = made.shape[:2]
            self._video = VideoFile(self.folder / f"{name}.mp4", shot.fps, width, height)
        self._video.add(made)
        return {}

    def end(self, video: VideoEnd, name: str) -> dict[str, Any]:
        """The video is whole."""
        assert self._video is not None
        file, self._video = self._video.close(), None
        return {"picture": file.name}

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """They are there already."""
        return ["pictures"]

    def abandon(self) -> None:
        """Without half a video."""
        if self._video is not None:
            self._video.abandon()
            self._video = None
