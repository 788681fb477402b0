"""How long a sweep takes beside its jobs: looking at all of them first, and each one's start."""

import contextlib
import io
import os
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from benchmarks.engines import PretendSweep
from benchmarks.results import Entry, rounded
from benchmarks.surroundings import surroundings
from mtl.cli.main import main as mtl
from mtl.cli.sweeps.plan import Planner, plan_sweep

VALUES = ["weighting=equal,pcgrad,famo,dwa,gls", "encoder=shared,mtan,cgc,mmoe", "seed=range(25)"]
"""500 jobs of 20 combinations of members."""
JOBS = 50


def jobs_planned() -> Entry:
    """Jobs a second of processor time that are composed and checked, the first compositions too."""
    began = time.process_time()
    plan = plan_sweep(Planner(VALUES, None))
    seconds = time.process_time() - began
    raw = {"jobs": len(plan.jobs), "seconds": rounded(seconds), **surroundings()}
    what = "jobs of a sweep composed and checked in a second of processor time"
    return Entry(rounded(len(plan.jobs) / seconds), 50, "higher", what, raw)


def job_overhead() -> Entry:
    """Seconds that each job of a sweep takes which does nothing, the sweep's own included."""
    here = Path.cwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        patch("mtl.cli.sweeps.plan.Sweep", PretendSweep),
        patch("mtl.cli.sweeps.command.show_sweep"),
        patch.object(PretendSweep, "seconds", 0.0),
        patch.object(PretendSweep, "failing", ()),
    ):
        os.chdir(folder)
        try:
            began = time.process_time()
            mtl(["train", "-m", f"seed=range({JOBS})"])
            seconds = time.process_time() - began
        finally:
            os.chdir(here)
    raw = {"jobs": JOBS, "seconds": rounded(seconds), **surroundings()}
    what = "seconds of processor time of each job of a sweep beside its training"
    return Entry(rounded(seconds / JOBS), 1.0, "lower", what, raw)
