"""Jobs in the queue of a SLURM cluster, handed in by submitit."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mtl.cli.sweeps.engines.base import Engine, JobWork
from mtl.cli.sweeps.job import Job, Sweep

POLL = 2.0
"""Seconds from one look at the jobs to the next."""


@dataclass(frozen=True)
class Requeued:
    """What is done for a job; when the cluster takes its node away it is queued again.

    The run goes on from its last checkpoint then, as after any interruption.
    """

    work: JobWork
    job: Job
    took: str

    def __call__(self) -> None:
        """Do it."""
        self.work(self.job, took=self.took)

    def checkpoint(self) -> Any:
        """What submitit queues in its place, on a signal before the time or the node is gone."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Slurm(Engine):
    """Each job of a sweep is one of the cluster's.

    Args:
        partition: of the cluster; None: its default.
        minutes: that a job may take before it is queued again.
        cores: for each job.
        gpus: likewise.
        memory_gb: likewise.
        jobs: how many may run at a time.
        options: further ones of submitit: ``{slurm_account: mine, slurm_qos: low}``.
        cluster: ``slurm``, or ``local`` for processes of this machine, to try it out.
    """

    package = "submitit"
    restarts_commands = True

    def __init__(
        self,
        partition: str | None,
        minutes: int,
        cores: int,
        gpus: int,
        memory_gb: float | None,
        jobs: int,
        options: Mapping[str, Any],
        cluster: Literal["slurm", "local"],
    ) -> None:
        self.parameters: dict[str, Any] = {
            "timeout_min": minutes,
            "cpus_per_task": cores,
            "gpus_per_node": gpus,
            **({} if memory_gb is None else {"mem_gb": memory_gb}),
        }
        if cluster == "slurm":
            self.parameters["slurm_array_parallelism"] = jobs
            self.parameters |= {} if partition is None else {"slurm_partition": partition}
        self.parameters |= dict(options)
        self.took = f"{cores} cores, {gpus} GPUs"
        self.jobs = jobs
        self.cluster = cluster

    @property
    def at_once(self) -> int:
        """See ``Engine``."""
        return self.jobs

    def run(self, work: JobWork, jobs: Sequence[Job]) -> None:
        """See ``Engine``; ``POLL`` seconds after the last one has ended it comes back."""
        import submitit

        assert isinstance(work, Sweep)
        executor = submitit.AutoExecutor(work.folder / ".submitit", cluster=self.cluster)
        executor.update_parameters(name=f"mtl_{work.folder.name}", **self.parameters)
        # submitit's local executor has no queue: it would start all at the same time.
        size = self.jobs if self.cluster == "local" else len(jobs)
        for start in range(0, len(jobs), size):
            with executor.batch():
                queued = [
                    executor.submit(Requeued(work, job, self.took))
                    for job in jobs[start : start + size]
                ]
            while not all(job.done() for job in queued):
                time.sleep(POLL)
