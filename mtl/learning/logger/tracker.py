"""What trackers are told besides numbers."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import Logger

from mtl.config.hyperparameters import Plain

State = Literal["finished", "failed", "interrupted"]


@dataclass(frozen=True)
class WrittenPicture:
    """A picture that has been written.

    Args:
        file: a PNG.
        png: what is in it.
        height: pixels.
        width: pixels.
    """

    file: Path
    png: bytes
    height: int
    width: int


@dataclass(frozen=True)
class RunFacts:
    """What a run is.

    Args:
        settings: the whole configuration as plain containers.
        hyperparameters: by name; the same names in all runs of a sweep.
        command: that started it; None where there was none.
        varies: the hyperparameters in which the jobs of its sweep differ, each with its values, of
            which there are none where a search chooses them; empty for a single run.
        metrics: those of all tasks of all jobs of its sweep, ``task/metric``, the main ones first.
    """

    settings: Mapping[str, Any]
    hyperparameters: Mapping[str, Plain]
    command: str | None = None
    varies: Mapping[str, Sequence[Plain]] = field(default_factory=dict)
    metrics: Sequence[str] = ()


class Tracker(ABC):
    """A logger that shows more than numbers; what it writes goes into one place per run."""

    @abstractmethod
    def begin(self, facts: RunFacts) -> None:
        """A run begins, or goes on.

        Args:
            facts: what it is.
        """

    @abstractmethod
    def add_picture(self, tag: str, picture: WrittenPicture, step: int) -> None:
        """Show a picture.

        Args:
            tag: its name; a later picture of the same name is the next in time.
            picture: that was written.
            step: of the training.
        """

    @abstractmethod
    def end(self, facts: RunFacts, metrics: Mapping[str, float], step: int) -> None:
        """A run has come to its end; one that failed never does.

        Args:
            facts: as for ``begin``.
            metrics: by full name; those of the test split have been logged already.
            step: of the training.
        """

    @abstractmethod
    def close(self, state: State) -> None:
        """Let go of files, threads and processes.

        Args:
            state: how the run ended.
        """


def best_of(metrics: Mapping[str, float]) -> dict[str, float]:
    """``val/box/iou`` as ``best/box/iou``: of the best checkpoint, not of the last epoch.

    Args:
        metrics: by full name.
    """
    names = [name for name in metrics if name.startswith("val/")]
    return {f"best/{name.removeprefix('val/')}": metrics[name] for name in names}


@contextlib.contextmanager
def closing(loggers: Sequence[Logger]) -> Iterator[None]:
    """Close all trackers at the end, in whatever way it comes."""
    state: State = "finished"
    try:
        yield
    except Exception:
        state = "failed"
        raise
    except BaseException:
        state = "interrupted"
        raise
    finally:
        for logger in loggers:
            if isinstance(logger, Tracker):
                logger.close(state)
