"""What Hydra calls for each run: the last steps before torch is imported, and training."""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mtl.config.check import check
from mtl.config.compose import chosen_of
from mtl.config.finalise import final_values
from mtl.config.paths import BASELINES, allow_user_modules

log = logging.getLogger(__name__)


def job(cfg: DictConfig) -> dict[str, float]:
    """Train with a configuration that Hydra composed.

    Returns:
        The metrics.
    """
    allow_user_modules()
    hydra_node = HydraConfig.get()
    # Hydra may have moved into the run's folder (hydra.job.chdir), where paths mean other things.
    begun = Path(hydra_node.runtime.cwd)
    base = None if begun == Path.cwd() else begun
    ready = check(final_values(cfg, hydra_node), base=base, chosen=chosen_of(hydra_node))
    log_command(hydra_node.overrides.task)
    sys.stdout.flush()
    folder = Path(hydra_node.runtime.output_dir)
    from mtl.runs.baselines.training import train_run

    return train_run(ready, folder, BASELINES if base is None else base / BASELINES)


def log_command(overrides: Iterable[str]) -> None:
    """Begin a run's log with its command, which reports and other commands read there.

    Args:
        overrides: of the run, or of the job of a sweep.
    """
    log.info("mtl train %s", " ".join(overrides))
