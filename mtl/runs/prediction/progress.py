"""The bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mtl.files import printable
from mtl.runs.prediction.inputs.names import is_video
from mtl.runs.prediction.inputs.video import announced_frames


class PaceColumn(ProgressColumn):
    """``34.1/s``."""

    def render(self, task: Task) -> Text:
        """The mean: batches come all at once, so that the latest pace says nothing."""
        pace = task.completed / task.elapsed if task.elapsed else 0.0
        text = f"{pace:.0f}/s" if pace >= 100 else f"{pace:.3g}/s"
        return Text(text if pace else "", "progress.data.speed")


class PredictingBar:
    """Counts pictures, frames of videos among them; on a terminal alone.

    Args:
        console: of the terminal.
        paths: what is predicted.
    """

    def __init__(self, console: Console, paths: Sequence[Path]) -> None:
        self.console = console
        watched = console.is_terminal
        self._counts = {p: announced_frames(p) for p in paths if watched and is_video(p)}
        self._progress = Progress(
            TextColumn("predicting"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            PaceColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not watched,
            expand=True,
        )
        self._total = len(paths) - len(self._counts) + sum(self._counts.values())
        self._task = self._progress.add_task("", total=self._total)

    def advance(self) -> None:
        """One picture more."""
        self._progress.advance(self._task)

    def end(self, path: Path, frames: int) -> None:
        """A video had so many frames, whatever it announced."""
        self._total += frames - self._counts.get(path, frames)
        self._progress.update(self._task, total=self._total)

    def say(self, text: str) -> None:
        """A line above the bar."""
        self.console.print(printable(text), markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
