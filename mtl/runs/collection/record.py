"""What one run folder says, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunRecord:
    """One run. Its mappings may be shared between records, so they are not to be changed.

    Args:
        path: of its folder, as it was given.
        config: the content of config.yaml; nested dicts and lists.
        results: the content of results.json; empty where the run has not ended well.
        status: the content of status.json; empty where there is none.
        environment: the content of environment.json; empty where there is none.
    """

    path: Path
    config: Mapping[str, Any]
    results: Mapping[str, Any]
    status: Mapping[str, Any]
    environment: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The seed of weights, order and augmentation."""
        return int(self.config["seed"])

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in their order."""
        return tuple(self.config["tasks"])

    @property
    def heads(self) -> dict[str, Mapping[str, Any]]:
        """The node of each task's head."""
        return {task: self.config["heads"][task] for task in self.tasks}

    @property
    def metrics(self) -> Mapping[str, float]:
        """Full metric name (``test/box/iou``) to value; empty where there are no results."""
        found: Mapping[str, float] = self.results.get("metrics", {})
        return found

    @property
    def finished(self) -> bool:
        """Whether there are results to compare."""
        return bool(self.results)

    @property
    def state(self) -> str:
        """``finished``, ``failed``, ``interrupted`` or ``running``."""
        return "finished" if self.finished else str(self.status.get("state", "running"))

    @property
    def started(self) -> str:
        """When it began, in ISO format; empty where that isn't known."""
        return str(self.status.get("started", ""))


@dataclass(frozen=True)
class PassedOver:
    """A folder that can't be read as a run.

    Args:
        path: of the folder.
        reason: the end of a sentence that begins with the path.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class FoundRuns:
    """What lies in some folders.

    Args:
        finished: runs with results; in the order of the patterns, then as they were started.
        unfinished: runs that failed, were interrupted, or are running; in the same order.
        passed_over: folders that are no runs, or can't be read as such.
    """

    finished: tuple[RunRecord, ...]
    unfinished: tuple[RunRecord, ...]
    passed_over: tuple[PassedOver, ...]
