"""Jobs on a Ray cluster; on this machine alone where there is none."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mtl.cli.sweeps.engines.base import Engine, JobWork
from mtl.cli.sweeps.engines.shares import THREADS
from mtl.cli.sweeps.job import Job
from mtl.errors import RunError


class Ray(Engine):
    """Ray starts as many jobs at a time as there are cores and GPUs for.

    Args:
        address: of the cluster; None: that of ``RAY_ADDRESS``, else this machine alone.
        cores: for each job.
        gpus: likewise; a share of one lets several jobs have the same.
        options: further ones of ``ray.init``: ``{runtime_env: {working_dir: .}}``.
    """

    package = "ray"

    def __init__(
        self, address: str | None, cores: int, gpus: float, options: Mapping[str, Any]
    ) -> None:
        self.address = address
        self.cores = cores
        self.gpus = gpus
        self.options = dict(options)

    @property
    def at_once(self) -> int:
        """See ``Engine``; of the cluster as it is now."""
        ray = self._connected()
        resources = ray.cluster_resources()
        most = int(resources.get("CPU", 1)) // self.cores
        if self.gpus:
            most = min(most, int(resources.get("GPU", 0) / self.gpus))
        return max(most, 1)

    def run(self, work: JobWork, jobs: Sequence[Job]) -> None:
        """See ``Engine``."""
        ray = self._connected()
        took = f"{self.cores} cores, {self.gpus:g} GPUs"
        # A process that died is not started again here: who goes on with its job says so.
        remote = ray.remote(num_cpus=self.cores, num_gpus=self.gpus, max_retries=0)(_done)
        # Ray puts the name before each line that a job prints.
        left = [remote.options(name=job.name).remote(work, job, took, self.cores) for job in jobs]
        while left:
            ended, left = ray.wait(left)
            try:
                ray.get(ended)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                continue

    def _connected(self) -> Any:
        import ray

        if not ray.is_initialized():
            quiet = {"log_to_driver": True, "logging_level": "ERROR", "include_dashboard": False}
            if self.address or "RAY_ADDRESS" in os.environ:
                del quiet["include_dashboard"]
            try:
                ray.init(address=self.address, **{**quiet, **self.options})
            except Exception as error:
                # Of whatever class, a bare Exception among them.
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise RunError(f"sweep=ray: can't be reached or started: {reason}") from error
        return ray


def _done(work: JobWork, job: Job, took: str, cores: int) -> None:
    for name in THREADS:
        os.environ.setdefault(name, str(cores))
    work(job, took=took)
