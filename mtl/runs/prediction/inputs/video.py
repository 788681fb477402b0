"""Frames of video files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

# FFmpeg writes about damage straight to the terminal, beneath the bar; we say it in our own words.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from mtl.errors import BadFile
from mtl.files import printable
from mtl.runs.prediction.decider import Picture

USUAL_FPS = 25.0
"""Where a file doesn't say."""


class Video:
    """A video file, open; read it once, and from one thread.

    Args:
        path: of the file.

    Raises:
        BadFile: it is missing, or OpenCV's FFmpeg can't read it.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise BadFile(path, "does not exist")
        if printable(str(path)) != str(path):
            raise BadFile(path, "has a name that is not UTF-8, which OpenCV can't open; rename it")
        self.path = path
        # An absolute path is never taken for an address or a pattern of numbered files.
        self._capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise BadFile(path, "is not a video, or of a kind that OpenCV doesn't read")

    @property
    def fps(self) -> float:
        """Frames per second."""
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        return fps if math.isfinite(fps) and 0 < fps <= 1000 else USUAL_FPS

    @property
    def announced(self) -> int:
        """How many frames there should be; 0 where the file doesn't say."""
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return max(0, int(count)) if math.isfinite(count) and count < 1e9 else 0

    def frames(self) -> Iterator[Picture]:
        """The frames in order, upright, as far as they can be read.

        Raises:
            BadFile: there is none.
        """
        any_there = False
        try:
            while True:
                there, frame = self._capture.read()
                if not there:
                    break
                any_there = True
                yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        finally:
            self.close()
        if not any_there:
            raise BadFile(self.path, "holds no frame that can be read")

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


def announced_frames(path: Path) -> int:
    """How many frames a video should have, at least 1; 1 where it can't be read."""
    try:
        video = Video(path)
    except BadFile:
        return 1
    announced = video.announced
    video.close()
    return max(1, announced)
