"""``mtl eval``: a run's checkpoint over one split."""

from pathlib import Path
from typing import Literal, cast

from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys
from mtl.config.saved import open_run
from mtl.errors import UserError

HELP = """\
usage: mtl eval run=DIR [split=test|val] [checkpoint=best|last] [key=value ...]

Evaluate a run's checkpoint, and write the metrics to DIR/eval/<split>.json. The run's own
configuration is used; other arguments change it.

examples:
  mtl eval run=outputs/runs/NAME/TIME
  mtl eval run=outputs/runs/NAME/TIME split=val data.root=FOLDER batch_size=8"""
KEYS = ("run", "split", "checkpoint")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``run=``, ``split=`` (default ``test``), ``checkpoint=`` (default ``best``), and
            overrides of the run's configuration.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, or there is no such run, checkpoint or split.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise UserError("run= is needed: write run=outputs/runs/NAME/TIME")
    split, checkpoint = own.get("split", "test"), own.get("checkpoint", "best")
    one_of("split", split, ("test", "val"))
    one_of("checkpoint", checkpoint, ("best", "last"))
    folder = Path(own["run"])
    cfg = open_run(folder, overrides, config_dir)

    from mtl.training.evaluate import evaluate
    from mtl.training.report import console, metrics_table, say
    from mtl.training.run_folder import write_json

    metrics = evaluate(
        cfg, folder, cast(Literal["val", "test"], split), cast(Literal["best", "last"], checkpoint)
    )
    path = folder / "eval" / f"{split}.json"
    write_json(path, {"checkpoint": checkpoint, "overrides": overrides, "metrics": metrics})
    console.print(metrics_table(metrics))
    say(f"written to {path}")
    return 0
