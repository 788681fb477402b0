"""``mtl report``: a run, or several compared, as one page."""

import os
from collections.abc import Sequence
from pathlib import Path

from mtl.cli.compare import KEYS as QUESTION_KEYS
from mtl.cli.compare import question_of
from mtl.cli.named_runs import items
from mtl.cli.options import split_options
from mtl.cli.own_keys import own_keys, place, refuse_file
from mtl.config.nearest import listing, nearest
from mtl.config.overrides import key_of
from mtl.errors import UserError

HELP = """\
usage: mtl report run=DIR [out=DIR]
       mtl report runs=[DIR,...] [by=KEY] [reference=ROW] [out=DIR]

Writes report.html: one page that needs no network and nothing beside it. It says what is better, by
how much and whether that is sure, and shows the table, bars, cost against quality, training curves,
ROC and precision-recall, calibration, confusion, metrics over the angle, conflicts of the tasks,
predictions, configurations, and how to repeat each run.

The page goes into the folder that holds all of the runs, such as that of the sweep; out= names
another. by=, metrics=, reference=, test=, delta= and bootstrap= are those of mtl compare, which
writes the page too, with out=.

examples:
  mtl report run=outputs/runs/NAME/TIME
  mtl report 'runs=[outputs/sweeps/NAME]'
  mtl report 'runs=[outputs/sweeps/NAME/*]' reference=equal out=reports/NAME"""
KEYS = ("run", *QUESTION_KEYS)


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=`` or ``runs=``, ``out=``, and those of ``mtl compare``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, no run has finished, or the package for charts is missing.
    """
    config_dir, rest = split_options(arguments)
    own, others = own_keys(rest, KEYS)
    for argument in others:
        near = nearest(key_of(argument), KEYS)
        hint = f"; did you mean {near[0]}=?" if near else "."
        raise UserError(f"unknown key '{key_of(argument)}'{hint} There are: {listing(KEYS)}")
    if bool(own.get("run")) == bool(own.get("runs")):
        raise UserError("write run=outputs/runs/NAME/TIME, or runs=[A,B] for several")
    question = question_of(own)
    refuse_file("out", own.get("out"))

    from mtl.runs.collection.find import find_runs
    from mtl.runs.compare.compare import compare
    from mtl.runs.page.write import write_page
    from mtl.terminal import say

    single = bool(own.get("run"))
    found = find_runs([own["run"]], "run") if single else find_runs(items(own["runs"]))
    comparison = compare(found, question, config_dir)
    home = home_of([run.path for row in comparison.rows for run in row.runs])
    say(f"written to {write_page(comparison, place(own, 'out', home), config_dir)}")
    return 0


def home_of(folders: Sequence[Path]) -> Path:
    """The folder that holds all of these; that of a single one is its own."""
    common = Path(os.path.commonpath([folder.absolute() for folder in folders]))
    here = Path.cwd()
    return common.relative_to(here) if common.is_relative_to(here) else common
