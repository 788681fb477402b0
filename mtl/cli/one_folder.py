"""One folder for all processes of a run, whoever started them."""

from collections.abc import Sequence
from pathlib import Path

from mtl.cli.resume import FOLDER, in_folder
from mtl.config.compose import compose
from mtl.config.overrides import key_of
from mtl.processes import several


def in_one_folder(overrides: Sequence[str], config_dir: Path | None) -> list[str]:
    """The overrides of a run with what its processes must have in common.

    The time in the name of a folder would differ from one process to the next. The first process
    alone writes the log.

    Args:
        overrides: checked.
        config_dir: a user's folder of further members.

    Raises:
        RunError: the first process doesn't come.
        UserError: the processes can't meet.
    """
    started, own = several(), list(overrides)
    if started is None:
        return own
    if FOLDER not in map(key_of, overrides):
        from mtl.runs.meeting import first_says  # which imports torch

        folder = Path(compose(overrides, config_dir).hydra.run.dir).absolute()
        own.append(in_folder(Path(first_says("folder", str(folder)))))
    if started.rank > 0:
        own.append("hydra.job_logging.root.handlers=[console]")
    return own
