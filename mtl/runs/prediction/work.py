"""Batch by batch: what was read is decided on while the batch before is being written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mtl.errors import BadFile
from mtl.files import printable
from mtl.runs.prediction.decider import Decider
from mtl.runs.prediction.inputs.planned import Item
from mtl.runs.prediction.inputs.shot import Shot, VideoEnd
from mtl.runs.prediction.out_folder import OutFolder
from mtl.runs.prediction.outputs.names import Names
from mtl.runs.prediction.progress import PredictingBar
from mtl.runs.prediction.written import Made, Writer

MOST_TOLD = 15
"""Files that can't be read, one by one."""
ENOUGH = 0.9
"""Share of the announced frames from which on a video is not called cut off; it is a guess."""


@dataclass
class Outcome:
    """What was done.

    Args:
        pictures: that were predicted now, frames of videos among them.
        before: files that an earlier start had finished.
        skipped: files that could not be read.
        there: what the outputs have written, for people.
    """

    pictures: int = 0
    before: int = 0
    skipped: list[BadFile] = field(default_factory=list)
    there: list[str] = field(default_factory=list)


class Work:
    """One start's.

    Args:
        decider: what decides.
        writer: of what it decided.
        folder: of the results.
        bar: where it is told.
        outcome: is counted up.
        alone: whether there is one file, of which whoever is told of the outcome hears anyway.
    """

    def __init__(
        self,
        decider: Decider,
        writer: Writer,
        folder: OutFolder,
        bar: PredictingBar,
        outcome: Outcome,
        alone: bool = False,
    ) -> None:
        self.decider = decider
        self.writer = writer
        self.folder = folder
        self.bar = bar
        self.outcome = outcome
        self.alone = alone
        taken = (entry["name"] for entry in folder.journal.entries() if "name" in entry)
        self._names = Names(tuple(decider.tasks), taken)
        self._of_video: dict[Path, str] = {}
        self._begun: list[Callable[[], None]] = []
        """What is left to do of the batch before, in order."""

    def on(self, batch: Sequence[Item]) -> None:
        """Decide on a batch, and end the one before."""
        found = [self._read(item) for item in batch]
        parts = [part for one in found if isinstance(one, Shot) for part in one.parts]
        most = self.decider.batch_size
        starts = range(0, len(parts), most)
        decided = iter([d for s in starts for d in self.decider.decide(parts[s : s + most])])
        self.end()
        for one in found:
            if isinstance(one, Shot):
                self.folder.open()
                name = self._name(one)
                made = self.writer.begin(one, name, [next(decided) for _ in one.parts])
                self._begun.append(partial(self._end_shot, one, name, made))
            elif isinstance(one, VideoEnd):
                self._begun.append(partial(self._end_video, one))
            else:
                self._begun.append(partial(self._note, one))

    def end(self) -> None:
        """Write the entries of what was begun."""
        while self._begun:
            self._begun.pop(0)()

    def _read(self, item: Item) -> Shot | VideoEnd | BadFile:
        try:
            return item()
        except BadFile as error:
            self.outcome.skipped.append(error)
            self._tell(error)
            return error

    def _tell(self, error: BadFile) -> None:
        number = len(self.outcome.skipped)
        if not self.alone and number <= MOST_TOLD:
            self.bar.say(f"skipped {error}")
        if number == MOST_TOLD + 1:
            self.bar.say("further files that can't be read are counted, and listed in the results")

    def _name(self, shot: Shot) -> str:
        if shot.frame is None:
            return self._names.stem(shot.file)
        if shot.frame == 0:
            self._of_video[shot.file] = self._names.stem(shot.file)
        return self._of_video[shot.file]

    def _end_shot(self, shot: Shot, name: str, made: Future[Made]) -> None:
        self.folder.add(self.writer.end(shot, name, made.result()))
        self.outcome.pictures += 1
        self.bar.advance()

    def _end_video(self, video: VideoEnd) -> None:
        self.folder.add(self.writer.end_video(video, self._of_video.pop(video.file)))
        self.bar.end(video.file, video.frames)
        if video.frames < ENOUGH * video.announced:
            self.bar.say(
                f"{video.file}: only {video.frames} of {video.announced} frames can be read"
            )

    def _note(self, error: BadFile) -> None:
        self.folder.add({"file": printable(error.path), "skipped": error.reason})
        self.bar.advance()
