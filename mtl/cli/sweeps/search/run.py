"""A search from the first trial to what it found."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mtl.cli.sweeps.engines.base import Engine
from mtl.cli.sweeps.job import Job
from mtl.cli.sweeps.overrides import representative, task_part
from mtl.cli.sweeps.plan import Planner, refuse_restarting
from mtl.cli.sweeps.record import Record
from mtl.cli.sweeps.rounds import run_all
from mtl.cli.sweeps.search.objectives import directions_of, objectives_of
from mtl.cli.sweeps.search.space import space_of, typed
from mtl.cli.sweeps.search.trials import NAME, Trials, storage_of
from mtl.config.overrides import parse_all
from mtl.config.validation import unvalidated
from mtl.errors import UserError

KEYS = ("trials", "sampler", "objectives", "prune", "seed")
"""Of the sweep's node, which are none of the engine's."""
PRUNING = "mtl.learning.callbacks.pruning.Pruning"


class Search:
    """A sweep whose jobs are chosen one after the other.

    Args:
        planner: of the sweep.

    Raises:
        UserError: a job can't be composed, or what is asked for makes no sense.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.engine: Engine = planner.engine(KEYS)
        self.space, self.same = space_of(planner.overrides, planner.composer.config_dir)
        example = [representative(p) for p in parse_all(planner.overrides)]
        job = planner.job(task_part(example), 1, 1)
        if job.values is None:
            raise UserError(job.wrong)
        refuse_restarting([job], self.engine)
        self.example: Mapping[str, Any] = job.values
        self.objectives = objectives_of(job.values, planner.settings["objectives"])
        if (why := unvalidated(job.values)) is not None:
            first = self.objectives[0]
            raise UserError(f"{why}: nothing is validated, and a search goes by {first}")
        self.directions = directions_of(self.objectives, job.values)
        if planner.settings["prune"] != "none" and len(self.objectives) > 1:
            raise UserError("sweep.prune: trials are pruned for one objective alone")
        self.trials = Trials(
            planner.sweep.folder,
            self.space,
            self.directions,
            planner.settings,
            self.engine.at_once,
        )

    def run(self) -> list[Job]:
        """Try until there are as many trials as were asked for.

        Returns:
            The jobs of this command, each once.

        Raises:
            KeyboardInterrupt: it was ended from outside.
        """
        sweep = self.planner.sweep
        record = Record(sweep.folder)
        ran: dict[str, Job] = {}
        while batch := self.trials.next():
            jobs = {trial.number: self._job(trial.params, trial.number) for trial in batch}
            # Values that were chosen twice are one job, and what was given up stays so.
            own = {job.name: job for job in jobs.values()}
            known = record.last()
            left = [j for j in own.values() if known.get(j.name, {}).get("state") != "pruned"]
            run_all(self.engine, sweep, left)
            said = record.last()
            for number, job in jobs.items():
                entry = said[job.name]
                self.trials.tell(number, entry["state"], entry.get("values", []))
            ran |= own
        return list(ran.values())

    def _job(self, params: Mapping[str, Any], number: int) -> Job:
        overrides = task_part([*self.same, *typed(params)])
        job = self.planner.job(overrides, number + 1, self.trials.wanted)
        job = replace(job, objectives=self.objectives)
        prune = self.planner.settings["prune"]
        if prune == "none" or job.values is None:
            return job
        pruning = {
            "_target_": PRUNING,
            "storage": storage_of(self.planner.sweep.folder),
            "study": NAME,
            "trial": number,
            "monitor": job.values["monitor"],
            "pruner": prune,
        }
        callbacks = {**job.values["callbacks"], "pruning": pruning}
        return replace(job, values={**job.values, "callbacks": callbacks})
