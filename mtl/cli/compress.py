"""``mtl compress``: a trained run made smaller or faster, step by step."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mtl.cli.named_runs import items
from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, own_keys, place, refuse_file, trust_of, whole_number
from mtl.config.checkpoint_names import need_checkpoint
from mtl.config.compression import step_nodes
from mtl.config.saved import read_config
from mtl.runs.compression.goal import goal_of
from mtl.runs.prediction.saved_run import open_without_data

if TYPE_CHECKING:
    from mtl.runs.compression.table import Stand

HELP = """\
usage: mtl compress run=DIR steps=[STEP,...] [out=DIR] [STEP.OPTION=VALUE ...] [...]

Makes a trained network smaller or faster, one step after the other, and shows after each what it
costs every task and what is gained: metrics on the test split and their change in points, the mean
relative change (Δm), parameters, the file's size, multiply-adds, and milliseconds at batch 1 and 16
(median, 95th percentile) in torch and in ONNX Runtime. The folder that is written is a run's:
mtl eval, predict, export and compress take it. Where a step makes a file (quantize, qat,
weight_only) they take the network before it; mtl predict and export take the file by its path.
A second start goes on after the last step that has ended.

  run=            the folder that the training made
  steps=          members of the group compression, in order: steps=[prune,quantize]
  STEP.OPTION=    options of a step (mtl ls compression/STEP): prune.keep=0.4
  target.megabytes=, target.milliseconds=, target.loss=, target.loss.TASK=
                  what the result has to be: the first step that can be done more or less is done
                  just as much as it takes; a loss is in points of a task's main metric, on
                  validation, a time that of batch 1
  out=            the folder (compressed/STEP_STEP in the run's folder)
  checkpoint=     best, last, or best_<task>_<metric> (best)
  repeats=        how often a batch of one is timed (30); none: nothing is timed
  OVERRIDES       of the run's configuration: data.root=FOLDER batch_size=8
  trust=          modules whose classes the run may name: trust=[mine]
  --config-dir    a folder of your own configurations

examples:
  mtl compress run=outputs/runs/NAME/TIME steps=[prune] prune.keep=0.5
  mtl compress run=outputs/runs/NAME/TIME steps=[prune] out=small repeats=none
  mtl compress run=outputs/runs/NAME/TIME steps=[prune] target.loss=2"""
KEYS = ("run", "steps", "out", "checkpoint", "repeats", "trust")
REPEATS = "30"


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: see ``HELP``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, or a step can't be done to this network.
        RunError: a step failed.
    """
    config_dir, rest = split_options(arguments)
    own, others = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", others, KEYS)
    if "steps" not in own:
        raise needed("steps", "steps=[prune]", others, KEYS)
    folder, checkpoint = Path(own["run"]).expanduser(), own.get("checkpoint", "best")
    goal, others = goal_of(others, list(read_config(folder).tasks))
    nodes, overrides = step_nodes(items(own["steps"]), others, config_dir)
    repeats = own.get("repeats", REPEATS)
    times = 0 if repeats == "none" else whole_number("repeats", repeats)
    refuse_file("out", own.get("out"))
    out = place(own, "out", folder / "compressed" / "_".join(nodes))
    read = partial(
        open_without_data,
        overrides=overrides,
        config_dir=config_dir,
        trust=trust_of(own),
        needs_data=True,
    )
    cfg = read(folder)
    need_checkpoint(checkpoint, cfg, folder)

    from mtl.terminal import loading, say

    with loading():
        from mtl.runs.compression.pipeline import Order, compress
        from mtl.runs.compression.table import caveat_lines

    main = {str(task): str(cfg.heads[task].metrics[0]) for task in cfg.tasks}
    order = Order(folder, checkpoint, nodes, times, goal, read, config_dir, trust_of(own))
    for line in caveat_lines(compress(order, out, partial(_show, main))):
        say(line)
    say(f"written to {out}")
    return 0


def _show(main: Mapping[str, str], stands: "Sequence[Stand]") -> None:
    from mtl.cli.table import print_rows
    from mtl.runs.compression.table import columns

    header, *rows = columns(stands, main)
    print_rows(rows, header=header, right=range(1, len(header)))
