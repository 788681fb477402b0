"""``mtl rerun``: a run once more, from its own folder."""

import datetime
import shlex
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, open_dict

from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, own_keys, place, refuse_file, trust_of
from mtl.cli.same_terms import refuse_changes
from mtl.config.overrides import key_of
from mtl.config.packages import NEEDED
from mtl.config.paths import LESSONS
from mtl.config.saved import open_run
from mtl.config.trust import ours
from mtl.errors import Interrupted, UserError

HELP = """\
usage: mtl rerun run=DIR [out=DIR] [data.root=FOLDER] [trainer.accelerator=...]

Repeats a run with its own configuration in a new folder: says first in which versions, commit and
device that differs from then, and in the end whether all metrics agree.

  run=          the folder that the training made
  out=          the new folder (outputs/reruns/<name of DIR>/<time>); the same one again resumes
  data.root=    where the data is now
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations

Besides these, only what changes nothing about the run can be given: data.workers, and the device by
trainer.accelerator, trainer.devices, trainer.num_nodes and trainer.strategy.

On the same machine, on the CPU, with the same versions and threads, numbers agree to the last
digit."""
FOLDER = "hydra.run.dir"
KEYS = ("run", "out", FOLDER, "trust")
WRITERS = ("callbacks", "logger")
"""Groups whose classes write, wherever their options say."""


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=``, ``out=``, and overrides that make no other run of it.

    Returns:
        0, whether the numbers agree or not.

    Raises:
        UserError: an argument is wrong, or there is no such run.
        RunError: training can't go on.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", overrides, KEYS)
    refuse_changes(overrides, "a rerun repeats the run as it was", ["out="])
    folder = Path(own["run"]).expanduser()
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    _refuse_compressed(folder)
    _leave_out_trackers(cfg)
    _refuse_strange_writers(cfg, trust_of(own))
    key = FOLDER if own.get(FOLDER) else "out"
    refuse_file(key, own.get(key))
    if not own.get(key) and (cfg.trainer.devices != 1 or cfg.trainer.get("num_nodes", 1) != 1):
        raise UserError("several processes have to know the folder: write out=DIR")
    out = place(own, key, _new_folder(folder))
    if out.resolve() == folder.resolve():
        raise UserError(f"{key}={out}: is the run itself; choose a folder of its own")

    from mtl.files import read_json
    from mtl.runs.rerun import numbers

    before = numbers(read_json(folder / "results.json"))

    from mtl.terminal import loading, say

    with loading():
        from mtl.cli.table import print_rows
        from mtl.processes import is_first_process
        from mtl.runs.baselines.training import train_run
        from mtl.runs.folder import log_command
        from mtl.runs.rerun import rows, surroundings, verdict, without_later_gain

    first = is_first_process()
    if first:
        for line in surroundings(folder):
            say(line)
        log_command(out, f"rerun {shlex.join(arguments)}")
    try:
        now = numbers({"metrics": train_run(cfg, out)})
    except Interrupted as stop:
        raise KeyboardInterrupt(_how_to_resume(arguments, out, stop)) from stop
    if first:
        before = without_later_gain(before, now)
        say("")
        if before and (found := rows(before, now)):
            print_rows(found, header=["metric", "then", "now", "difference"], right=[1, 2, 3])
        say(verdict(before, now))
    return 0


def _refuse_compressed(folder: Path) -> None:
    """A training by itself would make another network of it.

    Raises:
        UserError: the run is a step of ``mtl compress``, or what came out of it.
    """
    from mtl.files import read_json

    how = "mtl rerun repeats trainings alone; give mtl compress the same steps and another out="
    if (folder / LESSONS).exists():
        raise UserError(f"run={folder}: teachers took part in this training; {how}")
    if "compressed" in read_json(folder / "results.json"):
        raise UserError(f"run={folder}: mtl compress made this network; {how}")


def _leave_out_trackers(cfg: DictConfig) -> None:
    """Numbers of a repetition go into its own folder, not to a server that a run names."""
    for name in [name for name, node in cfg.logger.items() if node["_target_"] in NEEDED]:
        with open_dict(cfg):
            del cfg.logger[name]


def _refuse_strange_writers(cfg: DictConfig, trust: Sequence[str]) -> None:
    """Lightning's own callbacks and loggers are known, but a stranger's options say where to."""
    for group in WRITERS:
        for name, node in cfg[group].items():
            target = str(node["_target_"])
            top = target.partition(".")[0]
            if not ours(target) and top == "pytorch_lightning" and top not in trust:
                raise UserError(
                    f"{group}.{name}._target_={target}: may write anywhere; if you know whose run "
                    f"this is, write trust=[{top}]"
                )


def _new_folder(run: Path) -> Path:
    time = datetime.datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    return Path("outputs") / "reruns" / run.resolve().name / time


def _how_to_resume(arguments: Sequence[str], out: Path, stop: Interrupted) -> str:
    if not stop.resumable:
        return "no epoch was finished, so there is nothing to go on from"
    kept = [argument for argument in arguments if key_of(argument) not in ("out", FOLDER)]
    return f"the run goes on with: mtl rerun {shlex.join([*kept, f'out={out}'])}"
