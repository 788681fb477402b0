"""``mtl affinity``: which tasks help each other, and what to train together."""

from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, own_keys, trust_of, whole_number
from mtl.config.overrides import key_of
from mtl.config.saved import open_run
from mtl.errors import UserError
from mtl.words import agreeing, counted

HELP = """\
usage: mtl affinity run=DIR [epochs=5] [every=10] [rate=LR] [key=value ...]

Measures how a step on one task's loss alone changes each task's loss (Fifty et al., 2021), in a
training of its own with the run's configuration, and proposes which tasks to train together.
Written to DIR/affinity.

  run=          the folder that the training made
  epochs=       how long to train (5, or the run's own where it had fewer)
  every=        batches from one look to the next (10)
  rate=         learning rate of the steps that are looked at (the run's lr)
  key=value     changes the run's configuration: data.limit=1000
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations

1 - after / before of a loss: positive where a step helps. A look costs a forward pass for each task
and one more, and a backward pass for each task."""
KEYS = ("run", "every", "rate", "trust")
EPOCHS = 5


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=``, ``every=``, ``rate=``, and overrides of the run's configuration.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, there is no such run, or it has one task.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", overrides, KEYS)
    every = whole_number("every", own.get("every", "10"))
    folder = Path(own["run"]).expanduser()
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    if len(cfg.tasks) < 2:
        raise UserError(f"run={folder}: has one task, {cfg.tasks[0]}; affinity needs two or more")
    rate = _rate(own["rate"]) if "rate" in own else float(cfg.lr)
    if not any(key_of(o) == "epochs" for o in overrides):
        cfg.epochs = min(cfg.epochs, EPOCHS)

    from mtl.terminal import loading, say

    with loading():
        from mtl.cli.table import print_rows
        from mtl.runs.affinity.commands import command, overrides_of
        from mtl.runs.affinity.grouping import proposed, settled
        from mtl.runs.affinity.measure import measure
        from mtl.runs.affinity.report import group_rows, matrix_rows, named, write

    batches = agreeing(every, "batch", f"{every} batches")
    say(f"training {counted(cfg.epochs, 'epoch')}, looking at every {batches}")
    found = measure(cfg, every, rate)
    kept = overrides_of(folder)
    best = proposed(found.means)
    sure = settled(found.means, found.errors, best)
    groups = named(best, found.tasks) if sure else []
    commands = {"+".join(group): command(group, kept or [], config_dir) for group in groups}
    files = write(
        found, commands, folder, every=every, rate=rate, epochs=cfg.epochs, overrides=overrides
    )
    say("")
    say("change of a loss (columns) by a step on another's (rows); positive: it falls")
    print_rows(matrix_rows(found), ["", *found.tasks], right=range(1, len(found.tasks) + 1))
    say("")
    print_rows(group_rows(found), ["networks", "groups", "mean affinity", ""], right=[0, 2])
    say("")
    if not sure:
        say("no grouping is better than the others beyond chance; look more often, or for longer:")
        say(f"mtl affinity run={folder} every={max(1, every // 2)} epochs={2 * cfg.epochs}")
    elif kept is None:
        say(f"add the run's own settings, which {folder / 'app.log'} would have told:")
    for line in commands.values():
        say(line)
    for file in files:
        say(f"written to {file}")
    return 0


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise UserError(f"rate={text}: must be a number greater than 0")
    return rate
