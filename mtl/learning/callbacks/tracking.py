"""What trackers are told of a run as a whole."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as L
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl.config.hyperparameters import hyperparameters
from mtl.config.instantiate import container
from mtl.learning.logger.tracker import RunFacts, Tracker


class Tracking(L.Callback):
    """Tells every tracker what the run is when it begins, and what it came to when it has ended.

    A run that fails has no end to tell of, and no row in a table of runs.

    Args:
        cfg: the whole configuration.
        folder: of the run, absolute.
        sweep: the content of the sweep's file; empty for a single run.
    """

    def __init__(self, cfg: DictConfig, folder: Path, sweep: Mapping[str, Any]) -> None:
        choices: dict[str, Any] = {}
        overrides: list[str] = []
        command = None
        hydra = HydraConfig.get() if HydraConfig.initialized() else None
        # Hydra answers for its job, which may be training a baseline at the moment.
        # After a sweep in the same process it answers for no job at all.
        missing = hydra is None or OmegaConf.is_missing(hydra.runtime, "output_dir")
        if hydra is not None and not missing and Path(hydra.runtime.output_dir) == folder:
            choices, overrides = dict(hydra.runtime.choices), list(hydra.overrides.task)
            command = shlex.join(["mtl", "train", *overrides])
        self.facts = RunFacts(
            settings=container(cfg),
            hyperparameters=hyperparameters(cfg, choices, overrides),
            command=command,
            varies=sweep.get("varies", {}),
            metrics=sweep.get("metrics", []),
        )

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell what it is."""
        for tracker in _trackers(trainer):
            tracker.begin(self.facts)

    def finish(self, trainer: L.Trainer, metrics: Mapping[str, float]) -> None:
        """Tell what it came to.

        Args:
            trainer: of the run.
            metrics: by full name.
        """
        for tracker in _trackers(trainer):
            tracker.end(self.facts, metrics, trainer.global_step)


def _trackers(trainer: L.Trainer) -> list[Tracker]:
    found = trainer.loggers if trainer.is_global_zero else []
    return [logger for logger in found if isinstance(logger, Tracker)]
