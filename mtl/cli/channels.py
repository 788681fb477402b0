"""``mtl channels``: which tasks use which channels of which stage."""

from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, own_keys, place, refuse_file, refuse_misspelt, trust_of
from mtl.config.checkpoint_names import need_checkpoint
from mtl.config.compression import step_nodes
from mtl.config.saved import open_run

HELP = """\
usage: mtl channels run=DIR [method=saliency] [keep=0.5] [out=DIR] [key=value ...]

Judges for each task the channels that its head reads, chooses the best of them, and shows which
tasks use which channels of which stage. Nothing is changed: mtl compress steps=[select] takes out
what no task keeps. Written to DIR/channels.

  run=          the folder that the training made
  method=       l0 or l1 (gates are learned), saliency or mutual_information (saliency)
  keep=         share of its channels that each task keeps, over all stages that it reads (0.5)
  images=       of the training split, on which channels are judged (512)
  gate_epochs=  how often l0 and l1 go through these (5)
  checkpoint=   best, last, or best_<task>_<metric> (best)
  out=          the folder (channels in the run's folder)
  key=value     changes the run's configuration: data.root=FOLDER
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations"""
OPTIONS = ("method", "keep", "images", "gate_epochs")
KEYS = ("run", "out", "checkpoint", "trust", *OPTIONS)


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: see ``HELP``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, or there is no such run.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", overrides, KEYS)
    refuse_misspelt(overrides, KEYS, config_dir)
    chosen = [f"select.{key}={own[key]}" for key in OPTIONS if key in own]
    options = step_nodes(["select"], chosen, config_dir)[0]["select"]
    refuse_file("out", own.get("out"))
    folder, checkpoint = Path(own["run"]).expanduser(), own.get("checkpoint", "best")
    out = place(own, "out", folder / "channels")
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    need_checkpoint(checkpoint, cfg, folder)

    from mtl.terminal import loading, say

    with loading():
        from mtl.cli.table import print_rows
        from mtl.learning.quiet import quiet_lightning
        from mtl.runs.compression.select.analysis import analysed
        from mtl.runs.compression.select.report import overlaps, rows, write
        from mtl.runs.evaluate import trained

    quiet_lightning()
    data, network = trained(cfg, folder, checkpoint)
    judged = [options[key] for key in OPTIONS]
    use = analysed(network.eval(), data, *judged)
    stages = [f"stride {stride}" for stride in use.strides]
    header = ["kept by", *stages, "together"]
    print_rows(rows(use), header=header, right=range(1, len(header)))
    for line in overlaps(use):
        say(line)
    for file in write(use, out):
        say(f"written to {file}")
    return 0
