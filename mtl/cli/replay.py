"""``mtl replay``: once more through the step whose loss was not finite."""

from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.own_keys import needed, own_keys, refuse_misspelt, trust_of
from mtl.config.saved import open_run
from mtl.runs.kept_step import kept_step

HELP = """\
usage: mtl replay run=DIR [trust=MODULES] [key=value ...]

Goes again through the step in which a run's loss was not finite: reads the same samples with the
same random choices into the network as it was, and says each task's loss and the norm of its
gradient, and what numbers the images and targets hold. Nothing is changed.

  run=          the folder of the run that failed
  key=value     changes the run's configuration: trainer.precision=32-true, data.root=FOLDER
  trust=        modules whose classes the run may name: trust=[mine]
  --config-dir  a folder of your own configurations"""
KEYS = ("run", "trust")


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: see ``HELP``.

    Returns:
        0.

    Raises:
        UserError: an argument is wrong, there is no such run, or it kept no such step.
    """
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, KEYS)
    if not own.get("run"):
        raise needed("run", "run=outputs/runs/NAME/TIME", overrides, KEYS)
    refuse_misspelt(overrides, KEYS, config_dir)
    folder = Path(own["run"]).expanduser()
    cfg = open_run(folder, overrides, config_dir, trust=trust_of(own))
    kept_step(folder)

    from mtl.terminal import loading, say

    with loading():
        from mtl.cli.table import print_rows
        from mtl.learning.quiet import quiet_lightning
        from mtl.runs.replay import replay

    quiet_lightning()
    found = replay(cfg, folder)
    kept = found.kept
    say(f"epoch {kept['epoch']}, step {kept['step']}: the loss of {kept['task']} was not finite")
    if kept["later"]:
        say(f"the weights are of {kept['later']} steps later, when that was found out")
    rows = [
        (str(row.batch), row.task, str(row.samples), f"{row.loss:.4g}", f"{row.gradient:.4g}")
        for row in found.tasks
    ]
    header = ("batch", "task", "samples", "loss", "gradient norm")
    print_rows(rows, header=header, right=(2, 3, 4))
    shown = [
        (str(row.batch), row.name, *map(_number, row.bounds), f"{row.not_finite} of {row.of}")
        for row in found.values
    ]
    header = ("batch", "values of", "least", "largest", "not finite")
    print_rows(shown, header=header, right=(2, 3, 4))
    for values in found.values:
        if values.samples:
            say(f"of one colour or not finite: {', '.join(values.samples)}")
    again = ", ".join(found.bad)
    say(f"not finite again: {again}" if again else "all losses and gradients are finite this time")
    return 0


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
