"""``mtl train -m``, from the command line to the table at the end."""

import argparse
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

from mtl.cli.compare import show_sweep
from mtl.cli.sweeps.columns import metrics_of
from mtl.cli.sweeps.job import Job
from mtl.cli.sweeps.plan import Plan, Planner, plan_sweep
from mtl.cli.sweeps.record import Record
from mtl.cli.sweeps.rounds import run_all
from mtl.cli.sweeps.studies import with_studies
from mtl.cli.sweeps.table import print_table
from mtl.config.hyperparameters import Plain
from mtl.config.measures import GAIN
from mtl.config.packages import need_package
from mtl.config.paths import SWEEP_FILE
from mtl.files import read_json, shown, write_json
from mtl.runs.compare.statistics.fewest import FEWEST
from mtl.runs.stopping import stopped_by_signals
from mtl.terminal import doing, say
from mtl.words import counted


def sweep(options: argparse.Namespace, arguments: Sequence[str], config_dir: Path | None) -> int:
    """Run the jobs that haven't finished; one that fails does not keep the others from running.

    Args:
        options: as ``parse_options`` returns them.
        arguments: as they were typed.
        config_dir: the user's folder.

    Returns:
        0, or 1 where a job failed.

    Raises:
        UserError: a job can't be composed; none is started then.
    """
    planner = Planner(with_studies(options.overrides, config_dir), config_dir)
    command = shlex.join(["mtl", "train", *arguments])
    try:
        with stopped_by_signals():
            ended = searched(planner, command) if planner.searches else walked(planner, command)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"the jobs that are left are done by: {command}") from stop
    show_sweep(shown(planner.sweep.folder), config_dir)
    return int(any(entry["state"] not in ("finished", "pruned") for entry in ended))


def walked(planner: Planner, command: str) -> list[Mapping[str, Any]]:
    """Every combination of the values.

    Args:
        planner: of the sweep.
        command: as it was typed.

    Returns:
        How each job ended, now or before.
    """
    with doing("composing the jobs"):
        plan = plan_sweep(planner)
    folder = plan.sweep.folder
    about = {
        "metrics": plan.metrics,
        "varies": plan.varies,
        "jobs": len(plan.jobs),
        "names": [job.name for job in plan.jobs],
        "command": command,
    }
    write_json(folder / SWEEP_FILE, about)
    for line in beforehand(plan):
        say(line)
    run_all(plan.engine, plan.sweep, plan.left)
    ended = entries_of(folder, plan.jobs, {job.name for job in plan.left})
    print_table(ended, shown(folder))
    return ended


def searched(planner: Planner, command: str) -> list[Mapping[str, Any]]:
    """A search; see ``walked``."""
    need_package(f"sweep={planner.name}", "optuna")
    from mtl.cli.sweeps.search.found import draw, tell_best
    from mtl.cli.sweeps.search.run import Search

    search = Search(planner)
    folder = planner.sweep.folder
    about = {
        "metrics": metrics_of([search.example]),
        "varies": {key: [] for key in search.space},
        "jobs": search.trials.wanted,
        "command": command,
    }
    write_json(folder / SWEEP_FILE, about)
    search.run()
    ended: list[Mapping[str, Any]] = [*Record(folder).last().values()]
    print_table(ended, shown(folder))
    tell_best(search.trials.study, search.objectives)
    for file in draw(search.trials.study, folder, search.objectives):
        say(f"written to {shown(file)}")
    return ended


def beforehand(plan: Plan) -> Iterable[str]:
    """Whether its seeds will prove anything, what is there already, and what baselines come."""
    if few := too_few_seeds(plan.varies):
        yield few
    done = len(plan.jobs) - len(plan.left)
    if done:
        yield f"{done} of {counted(len(plan.jobs), 'job')} finished before"
    if plan.baselines:
        there = sum(baseline.finished for baseline in plan.baselines)
        own, jobs = counted(len(plan.baselines), "baseline"), counted(len(plan.jobs), "job")
        yield f"{own} for {jobs} in {plan.baselines[0].folder.parent}, {there} trained before"


def too_few_seeds(varies: Mapping[str, Sequence[Plain]]) -> str:
    """That two seeds prove nothing, and which would; empty where one is fixed, or there are more.

    Args:
        varies: the keys in which the jobs differ, each with its values.
    """
    seeds = [seed for seed in varies.get("seed", ()) if isinstance(seed, int)]
    if not seeds or len(seeds) >= FEWEST:
        return ""
    further = (seed for seed in count(max(0, *seeds)) if seed not in seeds)
    enough = ",".join(map(str, [*seeds, *islice(further, FEWEST - len(seeds))]))
    return f"{counted(len(seeds), 'seed')} can't tell a difference from chance; seed={enough} can"


def entries_of(folder: Path, jobs: Sequence[Job], ran: set[str]) -> list[Mapping[str, Any]]:
    """How each job ended, now or before.

    Args:
        folder: of the sweep.
        jobs: all.
        ran: the names of those that were run now.
    """
    said = Record(folder).last()
    return [
        said[job.name] if job.name in ran else {**said.get(job.name, {}), **saved(folder, job)}
        for job in jobs
    ]


def saved(folder: Path, job: Job) -> dict[str, Any]:
    """What the folder of a finished job says of it."""
    assert job.values is not None
    metrics = read_json(folder / job.name / "results.json").get("metrics", {})
    gain = metrics.get(f"test/{GAIN}", metrics.get(f"val/{GAIN}"))
    score = metrics.get(str(job.values["monitor"]))
    return {
        "job": job.name,
        "state": "finished",
        "score": score if score is not None and math.isfinite(score) else None,
        **({} if gain is None else {"gain": gain}),
    }
