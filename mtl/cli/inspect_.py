"""``mtl inspect``: what a data set holds, and what augmentation makes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from mtl.cli.first_task import with_first_task
from mtl.cli.guessed_format import with_format
from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys, place, refuse_folder, whole_number
from mtl.cli.suggested import missing_targets, normalised, tasks_for, train_command
from mtl.config.backbones import without_first_weights
from mtl.config.load import load
from mtl.config.overrides import key_of
from mtl.errors import UserError

if TYPE_CHECKING:
    from mtl.data.sources.base import Split

HELP = """\
usage: mtl inspect [OVERRIDES] [out=FILE.png] [samples=16] [split=train]

Prints how many samples each split has, class frequencies, what lacks which target, which files are
broken and which are not read, where splits, classes and targets come from, and what is worth a look
before training; draws augmented samples of a split with their targets. Of many classes the
commonest and the rarest are shown; all counts are written to NAME_counts.json beside the picture.
Objects that the chosen heads can't be taught are counted. At the end stands the command that trains
on the data, with the mean and deviation of each channel where images aren't 8-bit colours
(data.channels, data.pixel_range).

  OVERRIDES     as for mtl train: data=voc_folder data.root=FOLDER augmentation=c_rmtl;
                with data.root=FOLDER alone the format of the folder is guessed
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
    one_of("split", split, ("train", "val", "test"))
    samples = whole_number("samples", own.get("samples", "16"))
    for argument in overrides:
        if "=" not in argument and Path(argument).expanduser().is_dir():
            raise UserError(f"'{argument}': write data.root={argument}")
    overrides = with_format(overrides, config_dir)
    cfg = load(with_first_task(overrides, config_dir), config_dir)
    out = place(own, "out", Path(f"outputs/inspect/{cfg.name}.png"))
    if out.suffix.lower() != ".png":
        raise UserError(f"out={out}: give the name of a .png file")
    refuse_folder("out", own.get("out"))

    from mtl.terminal import console, doing, loading, say

    with loading():
        from mtl.data.data_set import build_data_set

        build_data_set(cfg).look()
        from mtl.data.build import build_data
        from mtl.data.inspection.channel_statistics import channel_statistics
        from mtl.data.inspection.inspect import inspect, print_lines
        from mtl.data.inspection.labelled import doubts
        from mtl.data.inspection.looked import Looked, find_all
        from mtl.model.build import build_network
        from mtl.runs.left_out import left_out_lines

    data = build_data(cfg)
    found = inspect(data, cast("Split", split), samples, out, console)
    train = next((counted for counted in found if counted.split == "train"), None)
    labelled = [] if train is None else [n for n, t in train.tallies.items() if t.samples]
    tasks = tasks_for(data.targets, labelled, cfg, overrides, config_dir)
    if not tasks:
        say("no training sample is labelled, so there is nothing to train")
        return 0
    overrides = [o for o in overrides if key_of(o) != "tasks"] + [f"tasks=[{','.join(tasks)}]"]
    if cfg.data.get("sets"):
        overrides += missing_targets(tasks, overrides)
    if list(tasks) != list(cfg.tasks):
        cfg = load(overrides, config_dir)
    looked = Looked(cfg, data, train)
    with doing("looking for what is worth a look"):
        lines = list(find_all(looked))
        try:
            lines += doubts(looked.sources["train"], looked.targets)
        except UserError as error:
            lines.append(str(error))
        without_first_weights(cfg)
        lines += left_out_lines(build_network(cfg, data.targets), data)
    if not data.images.usual:
        overrides = normalised(overrides, cfg, channel_statistics(data))
    print_lines(console, "worth a look", lines)
    print_lines(console, "train on it", [train_command(overrides, config_dir)])
    return 0
