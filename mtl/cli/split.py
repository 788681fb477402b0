"""``mtl split``: write down which image is in which split."""

from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys
from mtl.cli.suggested import train_command
from mtl.config.load import load
from mtl.config.overrides import key_of
from mtl.words import counted

HELP = """\
usage: mtl split data=voc_folder data.root=FOLDER [data.val_fraction=0.2 data.test_fraction=0.1]
                 [overwrite=true]

Writes ImageSets/Main/{train,val,test}.txt of a folder in VOC layout: by a hash of the images'
names, so that the same command on a grown folder moves no image. Lists that are there stay, and so
do their images; overwrite=true replaces them and splits all images anew.

  data.val_fraction=    share of the images that becomes val (0.2)
  data.test_fraction=   share that becomes test (0.1)
  data.split_seed=      another choice (0)
  overwrite=            true or false (false)
  --config-dir          a folder of your own configurations"""
KEYS = ("overwrite",)
SPLITTING = ("data.val_fraction", "data.test_fraction", "data.split_seed")
FRACTIONS = {"val_fraction": 0.2, "test_fraction": 0.1}
"""What is held out where nothing is said."""


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: overrides as for ``train``, and ``overwrite=``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, the data set takes no lists, or there are lists already.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    overwrite = own.get("overwrite", "false")
    one_of("overwrite", overwrite, ("true", "false"))
    cfg = load(overrides, config_dir)
    told = {key_of(override) for override in overrides}
    if not any(f"data.{key}" in told for key in FRACTIONS):
        for key in FRACTIONS.keys() & cfg.data.keys():
            cfg.data[key] = FRACTIONS[key]

    from mtl.terminal import loading, say

    with loading():
        from mtl.data.data_set import build_data_set

    data_set = build_data_set(cfg)
    written = data_set.write_lists(overwrite == "true")
    for path, number in written.items():
        say(f"{counted(number, 'image')}: {path}")
    # The lists tell the splits from now on; a fraction would hold out of their train.
    rest = [a for a in overrides if key_of(a) not in SPLITTING]
    say(f"train on them: {train_command(rest, config_dir)}")
    return 0
