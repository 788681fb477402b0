"""What every format does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mtl.runs.prediction.decider import Speaker
from mtl.runs.prediction.inputs.shot import Shot, VideoEnd
from mtl.runs.prediction.journal import Journal


class Output:
    """One format of ``formats=``; as it stands it writes nothing.

    Args:
        folder: where all is written.
        tasks: who speaks for each.

    Raises:
        UserError: none of the tasks has anything to say in this format.
    """

    drawn: ClassVar[bool] = False
    """Whether it needs the pictures at full resolution."""

    def __init__(self, folder: Path, tasks: Mapping[str, Speaker]) -> None:
        self.folder = folder
        self.tasks = tasks

    def make(self, shot: Shot, name: str, found: Mapping[str, Any]) -> Any:
        """What takes long of one picture's part; on any thread, in any order.

        Args:
            shot: the picture.
            name: under which its files go; a video's frames share it.
            found: task to prediction in the picture's pixels.
        """

    def take(self, shot: Shot, name: str, made: Any) -> dict[str, Any]:
        """The rest of it, picture by picture in order.

        Args:
            shot: the picture.
            name: see ``make``.
            made: what ``make`` gave.

        Returns:
            What the picture's entry is to say of it.
        """
        return {}

    def end(self, video: VideoEnd, name: str) -> dict[str, Any]:
        """After a video's last frame; what the video's entry is to say of it."""
        return {}

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """When all is done, what is had from the entries of all pictures.

        Args:
            journal: of this start and those before.
            about: ``run``, ``tasks`` and ``calibration``.

        Returns:
            What is there now, for people.
        """
        return []

    def abandon(self) -> None:
        """Leave nothing half done."""
