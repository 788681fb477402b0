"""One picture's decisions, made into what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np

from mtl.files import printable
from mtl.runs.prediction.decider import Decider, Speaker
from mtl.runs.prediction.inputs.shot import Shot, VideoEnd
from mtl.runs.prediction.journal import JsonLine
from mtl.runs.prediction.outputs.base import Output
from mtl.runs.prediction.unfinished import modified

Made = tuple[dict[str, Any], list[Any]]
"""The tasks' records, and what each output made."""


class Writer:
    """Brings decisions to the picture's pixels, and gives them to the outputs.

    Args:
        decider: that decided.
        outputs: all get every picture.
        folder: where arrays are written.
        pool: where what takes long is done.
    """

    def __init__(
        self, decider: Decider, outputs: Sequence[Output], folder: Path, pool: Executor
    ) -> None:
        self.decider = decider
        self.outputs = outputs
        self.folder = folder
        self.pool = pool
        self.tasks: Mapping[str, Speaker] = decider.tasks

    def begin(self, shot: Shot, name: str, decided: Sequence[Any]) -> Future[Made]:
        """Start on a picture.

        Args:
            shot: the picture.
            name: under which its files go.
            decided: what the decider gave for each of its parts.
        """
        return self.pool.submit(self._make, shot, name, decided)

    def end(self, shot: Shot, name: str, made: Made) -> JsonLine:
        """A picture's entry; to be called in order."""
        records, parts = made
        entry: JsonLine = {"file": printable(str(shot.file))}
        if shot.frame is not None:
            entry |= {"frame": shot.frame, "seconds": round(shot.frame / (shot.fps or 1), 3)}
        entry |= {"name": name, "width": shot.width, "height": shot.height}
        for output, part in zip(self.outputs, parts, strict=True):
            entry |= output.take(shot, name, part)
        if shot.frame is None:
            entry["modified"] = modified(shot.file)
        return entry | records

    def end_video(self, video: VideoEnd, name: str) -> JsonLine:
        """A video's entry."""
        entry: JsonLine = {"file": printable(str(video.file)), "name": name}
        entry |= {"frames": video.frames, "fps": video.fps, "modified": modified(video.file)}
        for output in self.outputs:
            entry |= output.end(video, name)
        return entry

    def _make(self, shot: Shot, name: str, decided: Sequence[Any]) -> Made:
        parts = [
            self.decider.in_pixels(one, prepared)
            for one, prepared in zip(decided, shot.parts, strict=True)
        ]
        found = parts[0]
        if shot.tiles:
            found = {
                task: speaker.from_tiles([part[task] for part in parts], shot.tiles)
                for task, speaker in self.tasks.items()
            }
        made = [output.make(shot, name, found) for output in self.outputs]
        stem = name if shot.frame is None else f"{name}/{shot.frame:06d}"
        return {task: self._record(task, found[task], stem) for task in self.tasks}, made

    def _record(self, task: str, prediction: Any, stem: str) -> dict[str, Any]:
        """With the names of files in place of arrays."""
        speaker = self.tasks[task]
        record = dict(speaker.record(prediction))
        for key, value in record.items():
            if isinstance(value, np.ndarray):
                file = speaker.target.kind.write(self.folder / f"{stem}_{task}", value)
                record[key] = file.relative_to(self.folder).as_posix()
        return record
