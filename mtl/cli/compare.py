"""``mtl compare``: which of many runs is better, by how much, and whether that is chance."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mtl.cli.named_runs import items
from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys, refuse_file
from mtl.config.nearest import listing, nearest
from mtl.config.overrides import key_of
from mtl.errors import UserError

if TYPE_CHECKING:
    from mtl.runs.compare.question import Question

HELP = """\
usage: mtl compare runs=[DIR,...] [by=KEY] [metrics=[NAME,...]] [reference=ROW] [out=DIR]

Compares finished runs. What differs between them becomes columns; runs that differ in the seed
alone are one row, with mean and 95 % interval. Each row is held against a reference, by pairs of
the same seed; a sentence says what can be told from chance, and how many more seeds would tell the
rest.

  runs=         folders of runs or sweeps, or globs of them
  by=           one choice that makes the rows (by=weighting); all else is averaged and paired over
  metrics=      test/box/iou and the like (each task's main one, of the test split)
  reference=    the row to compare with: reference=pcgrad (what shares nothing; else each task's row
                alone, where all have one; else weighting=equal, else the first)
  test=         t or exact, the sign-flip test that takes nothing for normal (t)
  delta=        sign of changes against single tasks: gain, or drop as in Nash-MTL's papers (gain)
  bootstrap=    draws of test images for intervals over them, where runs kept their samples (200)
  out=          write comparison.csv, .json, .md, .tex and report.html there
  --config-dir  a folder of your own configurations, whose members' names are then known

examples:
  mtl compare 'runs=[outputs/sweeps/NAME]' out=compared
  mtl compare 'runs=[outputs/sweeps/*]' by=weighting 'metrics=[test/box/iou]'
  mtl compare 'runs=[A,B]' reference=encoder=shared test=exact"""
KEYS = ("runs", "by", "metrics", "reference", "test", "delta", "bootstrap", "out")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``runs=``, and what HELP lists.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, or there is nothing to compare.
    """
    config_dir, rest = split_options(arguments)
    own, others = own_keys(rest, KEYS)
    for argument in others:
        raise UserError(_not_ours(argument))
    if not own.get("runs"):
        raise UserError("runs= is needed: write runs=[outputs/sweeps/NAME]")
    question = question_of(own)
    refuse_file("out", own.get("out"))

    from mtl.cli.comparison_tables import show
    from mtl.runs.collection.find import find_runs
    from mtl.runs.compare.compare import compare
    from mtl.terminal import say

    comparison = compare(find_runs(items(own["runs"])), question, config_dir)
    show(comparison, whole=True)
    if own.get("out"):
        from mtl.runs.compare.output.files import write
        from mtl.runs.page.data import from_results
        from mtl.runs.page.sections.answer import opening
        from mtl.runs.page.write import write_page

        folder = Path(own["out"]).expanduser()
        for file in write(comparison, folder, opening(from_results(comparison))):
            say(f"written to {file}")
        try:
            say(f"written to {write_page(comparison, folder, config_dir)}")
        except UserError as missing:
            # The tables are there all the same.
            say(f"left out: {missing}")
    return 0


def show_sweep(folder: Path, config_dir: Path | None) -> None:
    """What the jobs of a sweep come to, where they have several seeds.

    Args:
        folder: of the sweep.
        config_dir: a user's folder of further members.
    """
    from mtl.cli.comparison_tables import show
    from mtl.runs.collection.find import find_runs
    from mtl.runs.compare.compare import compare
    from mtl.runs.compare.question import Question
    from mtl.terminal import say

    found = find_runs([folder])
    if len({record.seed for record in found.finished}) < 2:
        return
    say("")
    try:
        show(compare(found, Question(draws=0), config_dir), whole=False)
    except UserError as error:
        # The jobs are done all the same.
        say(f"not compared: {error}")
        return
    say("")
    say(f"more, and as files: mtl compare 'runs=[{folder}]' out=DIR")


def question_of(own: Mapping[str, str]) -> "Question":
    """What these values of the command's keys ask.

    Raises:
        UserError: one of them is none of those that there are.
    """
    from mtl.runs.compare.comparison import Sign, Test
    from mtl.runs.compare.question import DRAWS, Question

    test, delta = own.get("test", "t"), own.get("delta", "gain")
    one_of("test", test, ("t", "exact"))
    one_of("delta", delta, ("gain", "drop"))
    draws = own.get("bootstrap", str(DRAWS))
    if not draws.isdecimal():
        raise UserError(f"bootstrap={draws}: give a whole number; 0 for none")
    return Question(
        draws=int(draws),
        by=own.get("by") or None,
        metrics=tuple(items(own.get("metrics", ""))),
        reference=own.get("reference") or None,
        test=cast(Test, test),
        delta=cast(Sign, delta),
    )


def _not_ours(argument: str) -> str:
    key = key_of(argument)
    if "=" not in argument:
        return f"'{argument}': write runs=[{argument}]"
    if key == "run":
        return f"{argument}: write runs=[...], several runs or a sweep"
    near = nearest(key, KEYS)
    hint = f"; did you mean {near[0]}=?" if near else ""
    return f"unknown key '{key}'{hint or '.'} There are: {listing(KEYS)}"
