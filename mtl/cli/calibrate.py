"""``mtl calibrate``: a trained run's temperatures and thresholds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, one_of, own_keys, refuse_misspelt, trust_of
from mtl.cli.table import print_rows
from mtl.config.checkpoint_names import checkpoint_file, need_checkpoint
from mtl.config.saved import open_run
from mtl.errors import UserError
from mtl.model.calibration.values import Aim
from mtl.words import agreeing, counted, some

if TYPE_CHECKING:
    from mtl.model.calibration.base import FittedTask
    from mtl.model.calibration.thresholds import ChosenThreshold

HELP = """\
usage: mtl calibrate run=DIR [by=f1 | precision=0.9] [split=val] [key=value ...]

Finds on the validation split, and writes to DIR/calibration.json:
a temperature for each task that says probabilities, at which they are right as often as they say
(classification, multilabel, segmentation), and for each class of multilabel and detection the
threshold from which on it is there. Which class is the likeliest never changes.

mtl predict, mtl export and mtl.open_run use it from then on (calibrated=false: not); mtl eval does
so with calibrated=true. It belongs to one checkpoint with one configuration and is left aside, with
a line that says so, where another decides. Reliability diagrams go to DIR/figures.

  run=          the folder that the training made
  by=           f1: the thresholds with the best F1 (f1)
  precision=    instead: the most recall with at least this precision, such as 0.9
  split=        val or test (val)
  checkpoint=   best, last, or best_<task>_<metric> (best)
  key=value     changes the run's configuration: batch_size=8
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations

examples:
  mtl calibrate run=outputs/runs/NAME/TIME
  mtl calibrate run=outputs/runs/NAME/TIME precision=0.9"""
KEYS = ("run", "by", "precision", "split", "checkpoint", "trust")
MOST = 15
"""Classes of a table; of more it shows those with most to go by."""
WIDEST = 20
"""Letters of a name, so that a table has at most 80 columns."""


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: see ``HELP``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, there is no such run, checkpoint or split, or no task has
            anything to calibrate.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", overrides, KEYS)
    refuse_misspelt(overrides, KEYS, config_dir)
    aim = _aim(own)
    split = own.get("split", "val")
    one_of("split", split, ("val", "test"))
    folder = Path(own["run"]).expanduser()
    checkpoint = own.get("checkpoint", "best")
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    need_checkpoint(checkpoint, cfg, folder)

    from mtl.terminal import loading, say

    with loading():
        from mtl.runs.calibration.fitting import fit_run
        from mtl.runs.calibration.use import identity
        from mtl.runs.calibration.writing import write_calibration

    found = fit_run(cfg, folder, cast(Literal["val", "test"], split), checkpoint, aim)
    for task, reason in found.passed_over.items():
        say(f"{task} is passed over: {reason}")
    if not found.tasks:
        raise UserError(f"run={own['run']}: no task has anything to calibrate; nothing was written")
    _print_temperatures(found.tasks)
    for task, fitted in found.tasks.items():
        _print_thresholds(task, fitted)
    about = {
        "split": split,
        "by": "f1" if aim.precision is None else f"precision {aim.precision:g}",
        "checkpoint": checkpoint,
        "overrides": overrides,
    }
    network = identity(cfg, checkpoint_file(folder, checkpoint))
    first, *pictures = write_calibration(found.tasks, folder, network, **about)
    more = f", and {counted(len(pictures), 'picture')} to {folder / 'figures'}" if pictures else ""
    say(f"written to {first}{more}")
    return 0


def _aim(own: Mapping[str, str]) -> Aim:
    """What thresholds are chosen by.

    Raises:
        UserError: it is none of the two, or both.
    """
    by, text = own.get("by"), own.get("precision")
    if by == "precision" and text is None:
        raise UserError("by=precision: write which: precision=0.9")
    if by is not None:
        one_of("by", by, ("f1",))
    if text is None:
        return Aim()
    if by is not None:
        raise UserError(f"by={by} and precision={text}: write one of them")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise UserError(f"precision={text}: must be a number above 0, up to 1")
    return Aim(value)


def _print_temperatures(tasks: Mapping[str, "FittedTask"]) -> None:
    from mtl.terminal import say

    rows = [
        [
            _short(task),
            f"{own.value:.3f}",
            " → ".join(f"{value:.4f}" for value in own.ece),
            " → ".join(f"{value:.4f}" for value in own.nll),
            f"{own.decisions}",
        ]
        for task, fitted in tasks.items()
        if (own := fitted.temperature) is not None
    ]
    if rows:
        header = ["task", "temperature", "ECE", "NLL", "decisions"]
        print_rows(rows, header=header, right=[1, 2, 3, 4])
    for task, fitted in tasks.items():
        if fitted.temperature is None:
            say(f"{task}: thresholds only; {fitted.note}")
        elif fitted.temperature.note:
            say(f"{task}: the temperature stays 1: {fitted.temperature.note}")


def _print_thresholds(task: str, fitted: "FittedTask") -> None:
    from mtl.terminal import say

    thresholds = fitted.thresholds
    if not thresholds:
        return
    say("")
    shown = _first(thresholds)
    rows = [
        [
            _short(chosen.name),
            f"{chosen.support}",
            f"{chosen.threshold:.4f}",
            *map(_cell, (chosen.precision, chosen.recall, chosen.usual_f1, chosen.f1)),
        ]
        for chosen in shown
    ]
    header = [_short(task), "support", "threshold", "precision", "recall", "F1 before", "F1"]
    print_rows(rows, header=header, right=range(1, 7))
    if len(shown) < len(thresholds):
        say(f"and {counted(len(thresholds) - len(shown), 'class')} with less support")
    for note in dict.fromkeys(chosen.note for chosen in thresholds if chosen.note):
        same = [chosen for chosen in thresholds if chosen.note == note]
        names = some([chosen.name for chosen in same])
        say(f"{task}: {names} {agreeing(len(same), 'keeps', 'keep')} {same[0].threshold:g}: {note}")


def _first(thresholds: "Sequence[ChosenThreshold]") -> "Sequence[ChosenThreshold]":
    """All of a few, else those of the classes that were seen most."""
    if len(thresholds) <= MOST + 1:
        return thresholds
    return sorted(thresholds, key=lambda chosen: -chosen.support)[:MOST]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _short(name: str) -> str:
    return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
