"""Running jobs until each has ended, whatever happens to the processes that do."""

import time
from collections.abc import Sequence

from mtl.cli.sweeps.engines.base import Engine
from mtl.cli.sweeps.job import Job, Sweep
from mtl.cli.sweeps.record import ENDED, Record
from mtl.errors import RunError
from mtl.runs.lock import is_held
from mtl.terminal import say
from mtl.words import counted

POLL = 2.0
"""Seconds from one look at the jobs that another process runs to the next."""


def run_all(engine: Engine, sweep: Sweep, jobs: Sequence[Job]) -> None:
    """Run jobs until each has left word of its end.

    A job whose process died goes on once more, alone, since it may have been another's fault; the
    second time it has failed. Those that another sweep runs at the moment are waited for.

    Args:
        engine: runs them.
        sweep: what is done for each.
        jobs: may be none.

    Raises:
        KeyboardInterrupt: it was ended from outside.
        RunError: the engine runs none.
    """
    record = Record(sweep.folder)
    left = list(jobs)
    while left:
        before = record.size()
        engine.run(sweep, left)
        states = _states(record, before)
        begun = [job for job in left if states.get(job.name) == "running"]
        for job in begun:
            _once_more(engine, sweep, job)
        if not states:
            raise RunError(f"none of {counted(len(left), 'job')} was begun")
        busy = [job for job in left if states.get(job.name) == "elsewhere"]
        left = [job for job in left if job.name not in states] + _when_free(sweep, busy)


def _states(record: Record, before: int) -> dict[str, str]:
    return {job: str(entry["state"]) for job, entry in record.last(before).items()}


def _once_more(engine: Engine, sweep: Sweep, job: Job) -> None:
    record = Record(sweep.folder)
    say(f"{job.name}: its process died; once more, alone")
    before = record.size()
    engine.alone().run(sweep, [job])
    if _states(record, before).get(job.name) not in (*ENDED, "elsewhere"):
        died = "its process died twice: it was killed, or there was no memory left"
        record.failed(sweep.folder / job.name, RunError(died))


def _when_free(sweep: Sweep, jobs: Sequence[Job]) -> list[Job]:
    """Wait until no other process has the folder of at least one of the jobs."""
    if jobs:
        names = ", ".join(job.name for job in jobs)
        say(f"waiting for what another process runs: {names}")
    while jobs and all(is_held(sweep.folder / job.name) for job in jobs):
        time.sleep(POLL)
    return list(jobs)
