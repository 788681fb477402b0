"""Which jobs of a sweep there is nothing left to do for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl.cli.sweeps.job import Job
from mtl.config.difference import difference
from mtl.config.saved import FILE, read_plain
from mtl.errors import UserError
from mtl.files import read_json


def finished_before(folder: Path, jobs: Sequence[Job]) -> set[str]:
    """The names of the jobs that have finished, whoever ran them.

    Args:
        folder: of the sweep.
        jobs: of it.

    Raises:
        UserError: a job's folder holds a run with other settings.
    """
    found = set()
    for job in jobs:
        own = folder / job.name
        if job.values is None or not (own / FILE).exists():
            continue
        different = difference(read_plain(own), job.values)
        if different is not None:
            raise UserError(
                f"{folder} holds a sweep whose job {job.name} has {different}: choose another "
                "name=, or remove the folder"
            )
        if is_done(own, job.values):
            found.add(job.name)
    return found


def is_done(folder: Path, values: Mapping[str, Any]) -> bool:
    """Whether a run has finished and has all that is wanted of it.

    Args:
        folder: of the run.
        values: its configuration.
    """
    if read_json(folder / "status.json").get("state") != "finished":
        return False
    wants_gain = values["baselines"] and len(values["tasks"]) > 1
    return not wants_gain or "gain" in read_json(folder / "results.json")
