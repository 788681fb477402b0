"""``mtl status``: how far a sweep is, wherever it runs."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtl.cli.own_keys import needed, own_keys, refuse_misspelt
from mtl.cli.sweeps.progress import SeenJob, forecast, look
from mtl.cli.sweeps.table import COLOURS, in_numbers, most_telling, tell_rest
from mtl.cli.table import print_rows
from mtl.config.paths import SWEEP_FILE
from mtl.errors import UserError
from mtl.files import read_json
from mtl.terminal import say
from mtl.words import counted

KEYS = ("sweep",)
JOB = "\0"
"""In place of a job's own name in the reason why it failed."""
HELP = """\
usage: mtl status sweep=DIR

Says which jobs of a sweep run, wait, have finished or have failed, and why, and how long the rest
will take. It reads files alone, so it may be asked on any machine that sees them.

  sweep=   the sweep's folder: sweep=outputs/sweeps/NAME"""


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``sweep=``.

    Returns:
        0, or 1 where a job has failed.

    Raises:
        UserError: there is no such sweep.
    """
    own, others = own_keys(arguments, KEYS)
    if "sweep" not in own:
        raise needed("sweep", "sweep=outputs/sweeps/NAME", others, KEYS)
    refuse_misspelt(others, KEYS, None)
    for other in others:
        raise UserError(f"'{other}': write sweep=DIR alone")
    folder = Path(own["sweep"]).expanduser()
    about = read_json(folder / SWEEP_FILE)
    if not about:
        what = f"no {SWEEP_FILE} in it" if folder.is_dir() else "no such folder"
        raise UserError(f"sweep={folder}: {what}")
    now = time.time()
    jobs = look(folder, about, now)
    told, rest = most_telling(jobs, lambda job: job.state)
    rows = [[job.name, job.state, job.note if job.state != "failed" else ""] for job in told]
    print_rows(rows, header=["job", "state", "score, remark"], styles=COLOURS)
    tell_rest([job.state for job in rest])
    unknown = int(about.get("jobs", 0)) - len(jobs)
    states = [job.state for job in jobs] + ["waiting"] * unknown
    say(f"{counted(len(states), 'job')}: {in_numbers(states)}")
    for line in reasons(jobs):
        say(line)
    say(_then(jobs, states, about, now))
    return int("failed" in states)


def reasons(jobs: Sequence[SeenJob]) -> Iterator[str]:
    """Why jobs failed, each reason once: ``seed-3 and 2 others: loss is nan``."""
    names: dict[str, list[str]] = {}
    for job in jobs:
        if job.state == "failed":
            names.setdefault(job.note.replace(job.name, JOB), []).append(job.name)
    for reason, (first, *others) in names.items():
        who = f"{first} and {counted(len(others), 'other')}" if others else first
        yield f"{who}: {reason.replace(JOB, first)}"


def _then(jobs: list[SeenJob], states: list[str], about: dict[str, object], now: float) -> str:
    if not {"waiting", "running", "cut off"} & set(states):
        return "nothing is left to do" if "failed" not in states else f"again: {_command(about)}"
    if "running" not in states:
        return f"nothing runs; it goes on with: {_command(about)}"
    seconds = forecast(jobs, states.count("waiting") + states.count("cut off"), now)
    if seconds is None:
        return "how long it will take is known once a job has finished"
    return f"about {in_time(seconds)} left"


def _command(about: dict[str, object]) -> str:
    return str(about.get("command", "the command it began with"))


def in_time(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
