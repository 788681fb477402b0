"""``mtl inspect``: what a data set holds, and what augmentation makes of it."""

from pathlib import Path
from typing import cast

from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys, place, refuse_folder, whole_number
from mtl.config.backbones import without_first_weights
from mtl.config.load import load
from mtl.data.sources.base import SPLITS, Split
from mtl.errors import UserError

HELP = """\
usage: mtl inspect [OVERRIDES] [out=FILE.png] [samples=16] [split=train]

Prints how many samples each split has, class frequencies, what lacks which target and which files
are broken, and draws augmented samples of a split with their targets. Objects that the chosen
heads can't be taught are counted.

  OVERRIDES     as for mtl train: data=voc_folder data.root=FOLDER augmentation=c_rmtl
  out=          the picture (outputs/inspect/NAME.png)
  samples=      how many are drawn (16)
  split=        train, val or test (train)
  --config-dir  a folder of your own configurations"""
KEYS = ("out", "samples", "split")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: overrides as for ``train``, and ``out=``, ``samples=``, ``split=``.

    Returns:
        The exit code: 0 also where files are broken, since finding them is what this is for.

    Raises:
        UserError: an argument is wrong, or the data is not there.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    split = own.get("split", "train")
    one_of("split", split, SPLITS)
    samples = whole_number("samples", own.get("samples", "16"))
    cfg = load(overrides, config_dir)
    out = place(own, "out", Path(f"outputs/inspect/{cfg.name}.png"))
    if out.suffix.lower() != ".png":
        raise UserError(f"out={out}: give the name of a .png file")
    refuse_folder("out", own.get("out"))

    from mtl.data.build import build_data
    from mtl.data.inspection.inspect import inspect
    from mtl.model.build import build_network
    from mtl.runs.left_out import left_out_lines
    from mtl.terminal import console, say

    data = build_data(cfg)
    inspect(data, cast(Split, split), samples, out, console)
    without_first_weights(cfg)
    for line in left_out_lines(build_network(cfg, data.targets), data):
        say(line)
    return 0
