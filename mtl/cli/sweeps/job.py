"""One job of a sweep, wherever it runs."""

import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from mtl.cli.hydra_run import run_in_sweep
from mtl.cli.job import log_command
from mtl.cli.sweeps.record import Record
from mtl.config.measures import GAIN
from mtl.config.nearest import listing
from mtl.config.paths import BASELINES, allow_user_modules
from mtl.errors import InUse, Pruned, RunError, UserError
from mtl.processes import is_first_process


@dataclass(frozen=True)
class Job:
    """A run of a sweep.

    Args:
        number: from 1 on.
        of: how many jobs there are.
        name: of its folder in that of the sweep.
        overrides: it was made of.
        varies: those of them in which jobs differ.
        values: its configuration, checked; None where it isn't fine.
        wrong: why it isn't.
        choices: the member of each group.
        objectives: the metrics that a search wants to know.
    """

    number: int
    of: int
    name: str
    overrides: tuple[str, ...]
    varies: tuple[str, ...]
    values: Mapping[str, Any] | None
    wrong: str
    choices: Mapping[str, str]
    objectives: tuple[str, ...] = ()

    def headline(self, took: str = "") -> str:
        """``job 4 of 6: backbone=resnet18 seed=1 (1 thread)``."""
        own = " ".join([*self.varies, f"({took})" if took else ""])
        return f"job {self.number} of {self.of}: {own}".rstrip(": ")


@dataclass(frozen=True)
class Sweep:
    """What all jobs of a sweep have in common; what is done for each is a call of it.

    Args:
        folder: of the sweep, absolute.
        began: the folder that the command began in.
        hydra: Hydra's own node.
    """

    folder: Path
    began: Path
    hydra: DictConfig

    def __call__(self, job: Job, took: str = "") -> None:
        """Run a job and leave word of how it ended.

        Raises:
            KeyboardInterrupt: it was ended from outside.
        """
        # Where paths are relative to, and modules found, in processes that began elsewhere too.
        os.chdir(self.began)
        allow_user_modules()
        if not is_first_process():
            # Another task of the same job of a cluster; the first one leaves word.
            with suppress(Exception):
                self._trained(job)
            return
        print(job.headline(took), flush=True)
        record = Record(self.folder)
        record.started(job.name, took)
        begun = time.monotonic()
        try:
            metrics = self._trained(job)
        except KeyboardInterrupt:
            record.interrupted(job.name)
            raise
        except InUse:
            record.elsewhere(job.name)
        except Pruned as pruned:
            print(f"{job.name}: {pruned}", flush=True)
            record.pruned(job.name, str(pruned))
        except Exception as error:
            record.failed(self.folder / job.name, error)
        else:
            self._finished(record, job, metrics, time.monotonic() - begun)

    def train(self, cfg: DictConfig, folder: Path) -> dict[str, float]:
        """What a job does.

        Args:
            cfg: checked.
            folder: of the job.

        Returns:
            The metrics.
        """
        from mtl.runs.baselines.training import train_run

        # Hydra may have moved into the job's folder (hydra.job.chdir).
        moved = Path.cwd() != self.began
        return train_run(cfg, folder, self.began / BASELINES if moved else BASELINES)

    def _trained(self, job: Job) -> dict[str, float]:
        folder = self.folder / job.name
        metrics: dict[str, float] = {}
        raised: list[Exception] = []

        def guarded(cfg: DictConfig) -> None:
            # Hydra would print lines of its own about an error that it sees.
            OmegaConf.set_struct(cfg, True)
            log_command(job.overrides)
            try:
                metrics.update(self.train(cfg, folder))
            except Exception as error:
                raised.append(error)

        if job.values is None:
            raise UserError(job.wrong)
        run_in_sweep(self._node(job), job.values, folder, guarded)
        if raised:
            raise raised[0]
        return metrics

    def _node(self, job: Job) -> DictConfig:
        node = self.hydra.copy()
        with read_write(node), open_dict(node):
            node.job.num, node.job.id = job.number - 1, str(job.number - 1)
            node.job.override_dirname = ",".join(job.varies)
            node.overrides.task = list(job.overrides)
            node.runtime.choices = {**node.runtime.choices, **job.choices}
            node.runtime.cwd = str(self.began)
        return node

    def _finished(
        self, record: Record, job: Job, metrics: Mapping[str, float], seconds: float
    ) -> None:
        assert job.values is not None
        if missing := [name for name in job.objectives if name not in metrics]:
            # Data without a val split, say, of which nobody knew before.
            lacking = RunError(f"has no {listing(missing)}, which the search goes by")
            record.failed(self.folder / job.name, lacking)
            return
        score = metrics.get(str(job.values["monitor"]), math.nan)
        gain = metrics.get(f"test/{GAIN}", metrics.get(f"val/{GAIN}"))
        values = [metrics[name] for name in job.objectives]
        record.finished(job.name, score, gain, seconds, values)
