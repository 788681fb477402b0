"""Several jobs at a time on one machine, in joblib's processes, which live on from job to job."""

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from mtl.cli.sweeps.engines.base import Engine, JobWork
from mtl.cli.sweeps.engines.shares import MachineShares, cores, gpus, threads_each
from mtl.cli.sweeps.job import Job

POLL = 2.0
"""Seconds from one look at whether the sweep is still there to the next."""
_AT_WORK = threading.Lock()


class Joblib(Engine):
    """Cores and GPUs are shared out among the jobs that run side by side.

    Args:
        jobs: how many run at a time; ``auto``: as many as there are GPUs, else cores.
    """

    package = "joblib"

    def __init__(self, jobs: int | Literal["auto"]) -> None:
        self.jobs = (len(gpus()) or cores()) if jobs == "auto" else jobs

    @property
    def at_once(self) -> int:
        """See ``Engine``."""
        return self.jobs

    def run(self, work: JobWork, jobs: Sequence[Job]) -> None:
        """See ``Engine``."""
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        with tempfile.TemporaryDirectory(prefix="mtl_sweep_") as folder:
            shares = MachineShares(Path(folder), self.jobs, threads_each(self.jobs), gpus())
            try:
                Parallel(n_jobs=max(self.jobs, 2), backend="loky", pre_dispatch=self.jobs)(
                    delayed(_shared)(work, job, shares, os.getpid()) for job in jobs
                )
            except BrokenProcessPool:
                # A process died, and joblib ended the others. Who didn't come to an end is known.
                return

    def alone(self) -> "Joblib":
        """See ``Engine``."""
        return Joblib(1)


def _shared(work: JobWork, job: Job, shares: MachineShares, parent: int) -> None:
    end_with(parent)
    if os.getppid() == parent:
        with _AT_WORK:
            work(job, took=shares.take())


@cache
def end_with(parent: int) -> None:
    """Let this process end when the sweep's was killed, after the job that it is at.

    joblib's would wait for minutes to be told more.

    Args:
        parent: the number of the sweep's process.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    with _AT_WORK:
        os._exit(0)
