"""The row that a run adds to TensorBoard's HParams table."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as L
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl.config.measures import GAIN
from mtl.learning.logger.tensorboard import RunTensorBoard

SHORT_KEYS = ("seed", "epochs", "batch_size", "image_size", "lr")
GROUPS = (
    "data",
    "preprocess",
    "augmentation",
    "views",
    "backbone",
    "encoder",
    "fusion",
    "ensemble",
    "weighting",
    "unfreezing",
    "optimizer",
    "scheduler",
)


class HyperparameterTable(L.Callback):
    """Writes the row at the start of training, and its metrics again at the end.

    TensorBoard shows only the keys of the first runs it reads, so every run writes the same ones:
    the short keys, the choice of every group, the tasks, and what was overridden. So it is with
    metrics: every run of a sweep names those of all its tasks, and fills in its own.

    Args:
        cfg: the whole configuration.
        further: main metrics of the other runs of a sweep, ``task/metric``.
    """

    def __init__(self, cfg: DictConfig, further: Sequence[str] = ()) -> None:
        self.hyperparameters: dict[str, Any] = {key: cfg[key] for key in SHORT_KEYS}
        self.hyperparameters["tasks"] = "+".join(cfg.tasks)
        choices: dict[str, Any] = {}
        if HydraConfig.initialized():
            hydra = HydraConfig.get()
            choices = dict(hydra.runtime.choices)
            for override in hydra.overrides.task:
                key = override.lstrip("+~").partition("=")[0]
                if "." in key and "@" not in key:
                    value = OmegaConf.select(cfg, key)
                    self.hyperparameters[key] = value if _is_scalar(value) else str(value)
        for group in GROUPS:
            self.hyperparameters[group] = str(choices.get(group, cfg[group].get("_target_", "")))
        own = [f"{task}/{cfg.heads[task].metrics[0]}" for task in cfg.tasks]
        own += [GAIN] if cfg.baselines and len(cfg.tasks) > 1 else []
        self.metrics = ["hp/score", *(f"hp/{name}" for name in own)]
        self.columns = list(dict.fromkeys([*self.metrics, *(f"hp/{name}" for name in further)]))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the row, with zeros for the run's own metrics."""
        for logger in trainer.loggers:
            if isinstance(logger, RunTensorBoard) and trainer.is_global_zero:
                logger.log_table(self.hyperparameters, self.metrics, self.columns)

    def finish(self, trainer: L.Trainer, metrics: dict[str, float]) -> None:
        """Write the metrics: of the test split where it was evaluated, else of validation."""
        for logger in trainer.loggers:
            if isinstance(logger, RunTensorBoard):
                for name in self.metrics:
                    plain = name.removeprefix("hp/")
                    value = metrics.get(f"test/{plain}", metrics.get(f"val/{plain}"))
                    if value is not None:
                        logger.experiment.add_scalar(name, value, trainer.global_step)
                # Writing opened the file anew, with a thread that would live on.
                logger.experiment.close()


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
