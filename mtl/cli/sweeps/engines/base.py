"""What an engine has to offer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

from mtl.cli.sweeps.job import Job
from mtl.config.packages import need_package


class JobWork(Protocol):
    """What is done for a job, in whichever process: a function of a module, so that others find it.

    It raises nothing but what ends the whole sweep, and leaves word in the sweep's folder.
    """

    def __call__(self, job: Job, took: str = "") -> None:
        """Do it.

        Args:
            job: which.
            took: the cores and devices that the job has for itself, as it is said.
        """


class Engine(ABC):
    """Runs jobs by the means of a library. What its yaml has is what it is called with."""

    package: ClassVar[str | None] = None
    """What it takes beside the package's own dependencies; the extra is called the same."""

    restarts_commands: ClassVar[bool] = False
    """Whether the processes of ``trainer=ddp`` are the engine's own."""

    @property
    def at_once(self) -> int:
        """How many jobs run side by side."""
        return 1

    def check(self, name: str) -> None:
        """See that its package is there.

        Args:
            name: of the member of ``conf/sweep``.

        Raises:
            UserError: it is not; names what installs it.
        """
        if self.package is not None:
            need_package(f"sweep={name}", self.package)

    @abstractmethod
    def run(self, work: JobWork, jobs: Sequence[Job]) -> None:
        """Run all jobs, and come back when none runs any more.

        A process that dies takes none but its own job, and such as run beside it, with it.

        Args:
            work: what is done for each.
            jobs: at least one.

        Raises:
            KeyboardInterrupt: it was ended from outside.
        """

    def alone(self) -> "Engine":
        """An engine that runs one job at a time, so that its end is no other's fault."""
        return self
