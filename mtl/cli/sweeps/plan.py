"""Looking at every job of a sweep before the first one starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl.cli.sweeps.columns import metrics_of, varied
from mtl.cli.sweeps.done import finished_before
from mtl.cli.sweeps.engines.base import Engine
from mtl.cli.sweeps.job import Job, Sweep
from mtl.cli.sweeps.overrides import (
    grid,
    refuse_hydras_own,
    refuse_same_names,
)
from mtl.config.check import checked_values
from mtl.config.compose import compose
from mtl.config.finalise import SWEEP, fixed
from mtl.config.hyperparameters import Plain
from mtl.config.instantiate import make
from mtl.config.job_name import job_name
from mtl.config.many import Composer
from mtl.config.overrides import key_of, parse_all
from mtl.errors import UserError
from mtl.runs.baselines.single import Baseline, baselines_of_all

RESTARTING = ("ddp", "fsdp", "deepspeed")
"""Strategies of Lightning that start the whole command again for each device."""
SPAWNING = ("spawn", "fork", "notebook")


@dataclass(frozen=True)
class Plan:
    """A sweep that can start.

    Args:
        sweep: what is the same in all jobs.
        engine: who runs them.
        jobs: all of them.
        left: those that haven't finished yet.
        metrics: of all tasks of all jobs, ``task/metric``, the main ones first.
        varies: the keys in which the jobs differ, each with its values.
        baselines: single-task runs that the jobs will share.
    """

    sweep: Sweep
    engine: Engine
    jobs: list[Job]
    left: list[Job]
    metrics: list[str]
    varies: dict[str, list[Plain]]
    baselines: list[Baseline]


class Planner:
    """Makes the jobs of a sweep.

    Args:
        overrides: with values to sweep over.
        config_dir: the user's folder.

    Raises:
        UserError: what is the same in all jobs is wrong.
    """

    def __init__(self, overrides: Sequence[str], config_dir: Path | None) -> None:
        refuse_hydras_own(overrides)
        parsed = parse_all(overrides)
        swept = [p.is_sweep_override() for p in parsed]
        same = [o for o, s in zip(overrides, swept, strict=True) if not s]
        self.overrides = list(overrides)
        self.same_keys = [p.get_key_element() for p, s in zip(parsed, swept, strict=True) if not s]
        self.composer = Composer(config_dir)
        node = compose(same, config_dir).hydra
        self.began = Path.cwd()
        self.base = self.began if node.job.chdir else None
        self.sweep = Sweep(self.began / str(node.sweep.dir), self.began, node)
        own = [o for o in same if key_of(o) == SWEEP or key_of(o).startswith(f"{SWEEP}.")]
        settings = self.composer.make(own)
        self.settings: dict[str, Any] = settings.values[SWEEP]
        self.name = str(settings.chosen.names[SWEEP])

    @property
    def searches(self) -> bool:
        """Whether the jobs are chosen one after the other."""
        return "trials" in self.settings

    def engine(self, keys: Sequence[str] = ()) -> Engine:
        """Who runs the jobs.

        Args:
            keys: of the node that are none of its options.

        Raises:
            UserError: it can't be made, or lacks a package.
        """
        node = {key: value for key, value in self.settings.items() if key not in keys}
        engine: Engine = make(node, Engine)
        engine.check(self.name)
        return engine

    def job(self, overrides: Sequence[str], number: int, of: int) -> Job:
        """One job, checked; one whose values are out of range will fail alone, later.

        Args:
            overrides: of the job, less those of Hydra and of the sweep.
            number: from 1 on.
            of: how many jobs there are.

        Raises:
            UserError: it can't be composed.
        """
        made = self.composer.make(overrides)
        values: dict[str, Any] | None = {k: v for k, v in made.values.items() if k != SWEEP}
        wrong = ""
        try:
            values = checked_values(values or {}, base=self.base, chosen=made.chosen)
        except UserError as error:
            values, wrong = None, str(error)
        heads = {o.lstrip("+").partition("=")[::2] for o in overrides if "@" in key_of(o)}
        return Job(
            number=number,
            of=of,
            name=job_name(overrides, self.same_keys),
            overrides=tuple(overrides),
            varies=tuple(o for o in overrides if key_of(o) not in self.same_keys),
            values=values,
            wrong=wrong,
            choices={**made.chosen.names, **dict(heads)},
        )


def plan_sweep(planner: Planner) -> Plan:
    """Compose and check every combination of the values.

    Args:
        planner: of the sweep.

    Raises:
        UserError: a job can't be composed, no job passes the checks, two jobs would have one name,
            the engine can't run them, or the folder holds jobs with other settings.
    """
    engine = planner.engine()
    combinations = grid(planner.overrides, planner.composer.config_dir)
    jobs = [planner.job(o, n, len(combinations)) for n, o in enumerate(combinations, 1)]
    refuse_same_names([job.name for job in jobs])
    fine = [job for job in jobs if job.values is not None]
    if not fine:
        raise UserError(jobs[0].wrong)
    refuse_restarting(jobs, engine)
    there = finished_before(planner.sweep.folder, jobs)
    configurations = [job.values for job in fine if job.values is not None]
    return Plan(
        sweep=planner.sweep,
        engine=engine,
        jobs=jobs,
        left=[job for job in jobs if job.name not in there],
        metrics=metrics_of(configurations),
        varies=varied([job.overrides for job in jobs]),
        baselines=baselines_of_all([fixed(dict(v)) for v in configurations if v["baselines"]]),
    )


def refuse_restarting(jobs: Sequence[Job], engine: Engine) -> None:
    """A strategy that starts the command again would start the whole sweep again.

    Raises:
        UserError: names the strategy.
    """
    for job in jobs:
        strategy = str(job.values["trainer"]["strategy"]) if job.values else ""
        if restarts(strategy) and not engine.restarts_commands:
            raise UserError(
                f"trainer.strategy={strategy} starts the whole command again for each device, so"
                " it can't run under -m here; run the jobs one by one, or with sweep=slurm"
            )


def restarts(strategy: str) -> bool:
    """Whether Lightning starts the command again for each device."""
    return strategy.startswith(RESTARTING) and not any(word in strategy for word in SPAWNING)
