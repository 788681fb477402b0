"""One job after the other, in this process."""

from collections.abc import Sequence

from mtl.cli.sweeps.engines.base import Engine, JobWork
from mtl.cli.sweeps.job import Job


class Here(Engine):
    """What is imported once serves all jobs."""

    def run(self, work: JobWork, jobs: Sequence[Job]) -> None:
        """See ``Engine``."""
        for job in jobs:
            work(job)
