"""From what runs have left to the gain, as results.json holds it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.config.instantiate import container
from mtl.config.measures import CHANGE, GAIN, measure_of
from mtl.errors import BadFile
from mtl.files import read_json
from mtl.runs.baselines.gain import Gain, gain
from mtl.runs.baselines.near_zero import ruling


@dataclass(frozen=True)
class Measured:
    """The gain of a run over the baselines of its tasks.

    Args:
        split: whose metrics were compared.
        gain: of them.
        together: task to metric to value, of the run.
        alone: likewise, of the baselines.
        ruled_by: ``task/metric`` to its part in Δm, where its value alone is near 0 and rules that.
        baselines: task to the folder of its baseline.
    """

    split: str
    gain: Gain
    together: Mapping[str, Mapping[str, float]]
    alone: Mapping[str, Mapping[str, float]]
    ruled_by: Mapping[str, float]
    baselines: Mapping[str, Path]

    @property
    def metrics(self) -> dict[str, float]:
        """What belongs among a run's metrics: ``test/delta_m`` and ``test/<task>/delta``."""
        found = {f"{self.split}/{task}/{CHANGE}": v for task, v in self.gain.tasks.items()}
        total = self.gain.delta_m()
        return found if total is None else {f"{self.split}/{GAIN}": total, **found}

    @property
    def entry(self) -> dict[str, Any]:
        """``gain`` of results.json."""
        return {
            "delta_m": self.gain.delta_m(),
            "delta_m_over_metrics": self.gain.delta_m(over="metrics"),
            "tasks": self.gain.tasks,
            "metrics": {self._full(t, m): change for t, m, change in self._changes},
            "alone": {self._full(t, m): self.alone[t][m] for t, m, _ in self._changes},
            "ruled_by": {f"{self.split}/{name}": part for name, part in self.ruled_by.items()},
            "baselines": {task: str(folder) for task, folder in self.baselines.items()},
            "left_out": dict(self.gain.left_out),
        }

    @property
    def _changes(self) -> list[tuple[str, str, float]]:
        """Task, metric and change."""
        return [(t, m, change) for t, own in self.gain.changes.items() for m, change in own.items()]

    def _full(self, task: str, metric: str) -> str:
        return f"{self.split}/{task}/{metric}"


def measured(
    cfg: DictConfig, metrics: Mapping[str, float], baselines: Mapping[str, Path]
) -> Measured:
    """Compare a run with its baselines, on test where the run was tested, else on validation.

    The metrics that count are those of ``heads.<task>.metrics``: no losses, and none of single
    classes.

    Args:
        cfg: of the run.
        metrics: of the run, by full name.
        baselines: task to the folder of its baseline; one that is not finished has no values.
    """
    split = "test" if any(name.startswith("test/") for name in metrics) else "val"
    heads = container(cfg.heads)
    counted = {task: [str(name) for name in head["metrics"]] for task, head in heads.items()}
    left = {task: _metrics_of(baselines[task]) if task in baselines else {} for task in counted}
    together = {task: _values(split, task, names, metrics) for task, names in counted.items()}
    alone = {task: _values(split, task, names, left[task]) for task, names in counted.items()}
    measures = {
        task: {name: measure_of(task, name, heads[task]) for name in names}
        for task, names in counted.items()
    }
    found = gain(together, alone, measures)
    return Measured(
        split, found, together, alone, ruling(found, together, alone, measures), baselines
    )


def without_gain(metrics: Mapping[str, float]) -> dict[str, float]:
    """A run's metrics less those that ``Measured.metrics`` adds."""
    return {k: v for k, v in metrics.items() if k.rpartition("/")[2] not in (GAIN, CHANGE)}


def _metrics_of(folder: Path) -> dict[str, float]:
    with suppress(BadFile):
        found: dict[str, float] = read_json(folder / "results.json").get("metrics", {})
        return found
    return {}


def _values(
    split: str, task: str, names: list[str], metrics: Mapping[str, float]
) -> dict[str, float]:
    full = {name: f"{split}/{task}/{name}" for name in names}
    return {name: metrics[key] for name, key in full.items() if key in metrics}
