"""Temperatures and thresholds of a run, found on one of its splits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
from omegaconf import DictConfig
from torch import nn

from mtl.data.batch import Batch
from mtl.data.sources.base import Split
from mtl.learning.callbacks.watching import Watch
from mtl.learning.evaluation import Observer, Outputs
from mtl.learning.module import MultiTaskModule
from mtl.model.calibration.base import FittedTask, HeadCalibrator
from mtl.model.calibration.values import Aim
from mtl.runs.evaluate import evaluate


@dataclass(frozen=True)
class FittedRun:
    """What was found.

    Args:
        tasks: by name.
        passed_over: task to the reason why there is nothing for it.
    """

    tasks: Mapping[str, FittedTask]
    passed_over: Mapping[str, str]


def fit_run(cfg: DictConfig, folder: Path, split: Split, checkpoint: str, aim: Aim) -> FittedRun:
    """Decide on a split as ``mtl eval`` does, and find what would have been better.

    Args:
        cfg: the run's configuration, with overrides.
        folder: of the run.
        split: ``val`` or ``test``.
        checkpoint: which one.
        aim: what thresholds are chosen by.

    Raises:
        UserError: see ``evaluate``.
    """
    watch = FitWatch(aim)
    evaluate(cfg, folder, split, checkpoint, [watch])
    return watch.fitted


class FitWatch(Watch):
    """Shows each head's calibrator what is decided.

    Args:
        aim: what thresholds are chosen by.

    Attributes:
        fitted: what was found, after an evaluation.
    """

    def __init__(self, aim: Aim) -> None:
        self.aim = aim
        self.fitted = FittedRun({}, {})
        self._heads = nn.ModuleDict()

    def begin(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> Observer:
        """Fresh calibrators."""
        made = {task: module.network.head(task).make_calibrator() for task in module.network.tasks}
        own = {task: calibrator for task, calibrator in made.items() if calibrator is not None}
        self._heads = nn.ModuleDict(own).to(module.device)
        return self._look

    def end(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> None:
        """Find."""
        passed_over = {
            task: "nothing to calibrate" for task in module.network.tasks if task not in self._heads
        }
        tasks: dict[str, FittedTask] = {}
        for task, calibrator in self._heads.items():
            found = cast(HeadCalibrator, calibrator).fit(self.aim)
            if found is None:
                passed_over[task] = f"no labels in the {split} split"
            else:
                tasks[task] = found
        self._heads = nn.ModuleDict()
        self.fitted = FittedRun(tasks, passed_over)

    def _look(self, batch: Batch, decisions: Mapping[str, Any], outputs: Outputs) -> None:
        for task, calibrator in self._heads.items():
            if task in decisions:
                cast(HeadCalibrator, calibrator).update(decisions[task], outputs[task][1])
