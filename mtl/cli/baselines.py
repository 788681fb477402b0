"""``mtl baselines``: each task of a run alone, and what training together gains over that."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.cli.named_runs import items
from mtl.cli.options import split_options
from mtl.cli.own_keys import own_keys, trust_of
from mtl.cli.run_list import one_or_several
from mtl.cli.same_terms import refuse_changes
from mtl.config.saved import open_run, read_config
from mtl.errors import UserError
from mtl.runs.collection.find import find_runs
from mtl.terminal import say

HELP = """\
usage: mtl baselines run=DIR [key=value ...]
       mtl baselines runs=[DIR,...] [key=value ...]

Train each task of a run alone, on the same terms (data, backbone, views, epochs, seed), and write
into its results.json how much better the run does than that: the multi-task gain. A baseline is
trained once, into outputs/baselines, for all runs that have the same; one that was interrupted goes
on. mtl train baselines=true does so with the run.

  run=          the folder of a finished run
  runs=         several: folders of runs or sweeps, or globs; what has not finished is passed over
  key=value     where the data lie and what they are trained on: data.root=FOLDER
                trainer.accelerator=gpu
  trust=        modules whose classes the runs may name: trust=[mine]
  --config-dir  a folder of your own configurations

examples:
  mtl baselines run=outputs/runs/NAME/TIME
  mtl baselines 'runs=[outputs/sweeps/NAME]'"""
KEYS = ("run", "runs", "trust")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=`` or ``runs=``, ``trust=``, and overrides of the runs' configurations.

    Returns:
        0, or 1 where a baseline failed.

    Raises:
        UserError: an argument is wrong, or there is no such run, or it has not finished.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    one_or_several(own, overrides)
    refuse_changes(overrides, "baselines are trained on the run's own terms")
    runs = _to_compare(own, overrides, config_dir)
    if not runs:
        return 0

    from mtl.cli.table import print_rows
    from mtl.files import read_json
    from mtl.processes import is_first_process
    from mtl.runs.baselines.adding import add_gain
    from mtl.runs.baselines.single import baselines_of, baselines_of_all, folders_of
    from mtl.runs.baselines.training import train_baselines
    from mtl.runs.baselines.words import HEADER, caveat_lines, gain_lines, gain_rows

    needed = baselines_of_all(runs.values())
    try:
        train_baselines(needed)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("the same command goes on with it") from stop
    if not is_first_process():
        return 0
    for folder, cfg in runs.items():
        found = add_gain(cfg, folder, folders_of(baselines_of(cfg)))
        say("")
        print_rows(gain_rows(found), HEADER, right=[1, 2, 3])
        path = folder / "results.json"
        for line in [*gain_lines(found.entry), *caveat_lines(read_json(path))]:
            say(line)
        say(f"written to {path}")
    return int(not all(one.finished for one in needed))


def _to_compare(
    own: Mapping[str, str], overrides: Sequence[str], config_dir: Path | None
) -> dict[Path, DictConfig]:
    """The runs that have ended and have several tasks; the others are said.

    Raises:
        UserError: an override is wrong, or a run can't be opened, or none has finished.
    """
    if own.get("run"):
        # Names the run that was most likely meant.
        read_config(Path(own["run"]).expanduser())
    found = find_runs(items(own["runs"]) if own.get("runs") else [own["run"]])
    unfinished = [f"{run.path}: has not finished" for run in found.unfinished]
    passed_over = [*unfinished, *(f"{bad.path}: {bad.reason}" for bad in found.passed_over)]
    if not found.finished:
        raise UserError(passed_over[0] if passed_over else f"runs={own['runs']}: names no run")
    for line in passed_over:
        say(f"passed over: {line}")
    runs: dict[Path, DictConfig] = {}
    for run in found.finished:
        if len(run.tasks) == 1:
            say(f"{run.path}: has one task, {run.tasks[0]}, and is its own baseline")
        else:
            runs[run.path] = open_run(run.path, overrides, config_dir, trust=trust_of(own))
    return runs
