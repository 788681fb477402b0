"""A video that is written frame by frame, and is there whole or not at all."""

from pathlib import Path

import cv2

from mtl.errors import UserError
from mtl.runs.prediction.decider import Picture

CODEC = "mp4v"
"""MPEG-4 part 2: the best that OpenCV's wheels can write everywhere."""


class VideoFile:
    """Frames of one size.

    Args:
        path: ends with ``.mp4``.
        fps: frames per second.
        width: pixels.
        height: likewise.

    Raises:
        UserError: this OpenCV can't write videos.
    """

    def __init__(self, path: Path, fps: float, width: int, height: int) -> None:
        self.path = path
        self._size = (width, height)
        # What it is follows from the ending.
        self._part = path.with_name(f".{path.name}.part{path.suffix}")
        code = cv2.VideoWriter.fourcc(*CODEC)
        self._writer = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, code, fps, self._size)
        if not self._writer.isOpened():
            self.abandon()
            raise UserError(
                f"{path}: this OpenCV can't write videos; leave pictures out of formats=, as in "
                "formats=[json]"
            )

    def add(self, frame: Picture) -> None:
        """One more frame, (H, W, 3) RGB; another size is resized."""
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if bgr.shape[1::-1] != self._size:
            bgr = cv2.resize(bgr, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(bgr)

    def close(self) -> Path:
        """Put the file in its place."""
        self._writer.release()
        return self._part.replace(self.path)

    def abandon(self) -> None:
        """Without a trace."""
        self._writer.release()
        self._part.unlink(missing_ok=True)
