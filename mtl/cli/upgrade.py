"""``mtl upgrade``: configurations of runs that an older version left."""

from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.own_keys import own_keys
from mtl.cli.run_list import run_list
from mtl.errors import UserError
from mtl.words import counted

HELP = """\
usage: mtl upgrade run=DIR
       mtl upgrade runs=[DIR_OR_GLOB,...]

Writes the config.yaml of runs that an older version left as this version would have written it:
classes that have moved, and keys that have come since. The old one stays beside it, as
config.old.yaml; checkpoints and results are left alone."""
KEYS = ("run", "runs")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=`` or ``runs=``.

    Returns:
        0; of several runs, those that can't be read are named and passed over.

    Raises:
        UserError: an argument is wrong, or there is no such run.
    """
    _, rest = split_options(arguments)
    own, others = own_keys(rest, KEYS)
    if others:
        raise UserError(f"{others[0]}: upgrade takes run=DIR or runs=[...] alone")
    if bool(own.get("run")) == bool(own.get("runs")):
        raise UserError("write run=outputs/runs/NAME/TIME, or runs=[A,B] for several")

    from mtl.runs.upgrade import upgrade
    from mtl.terminal import say

    several = bool(own.get("runs"))
    for folder in run_list(own["runs"]) if several else [Path(own["run"]).expanduser()]:
        try:
            changes, kept = upgrade(folder)
        except UserError as error:
            if not several:
                raise
            say(f"passed over: {error}")
            continue
        if kept is None:
            say(f"{folder}: is of this version")
            continue
        say(f"{folder}: {counted(len(changes), 'change')}; the old configuration is {kept.name}")
        for change in changes:
            say(f"  {change}")
    return 0
