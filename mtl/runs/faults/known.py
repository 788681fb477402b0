"""Which fault ended a run."""

from pathlib import Path

from omegaconf import DictConfig

from mtl.config.paths import in_sweep
from mtl.errors import RunError, UserError
from mtl.runs.faults.memory import out_of_memory
from mtl.runs.faults.rank import LostRank, lost_rank
from mtl.runs.faults.storage import not_written
from mtl.runs.faults.worker import lost_worker
from mtl.runs.folder import RunFolder


def known_fault(error: Exception, cfg: DictConfig, run: RunFolder) -> RunError | None:
    """One line for a fault, with what helps and how the run goes on; None for any other error.

    It is empty where another process of the run has said what happened.

    Args:
        error: that ended the run.
        cfg: its configuration.
        run: its folder.
    """
    if isinstance(error, UserError | RunError):
        return None
    found = (
        not_written(error) or out_of_memory(error, cfg) or lost_worker(error) or lost_rank(error)
    )
    if isinstance(found, LostRank) and not run.goes_on:
        return LostRank()
    return None if found is None else type(found)(f"{found}{way_on(run)}")


def way_on(run: RunFolder) -> str:
    """How a run goes on that has come to a checkpoint, as the end of a sentence."""
    if run.last_checkpoint is None:
        return ""
    if in_sweep(run.path):
        return "; the sweep's command goes on with it"
    here = Path.cwd()
    shown = run.path.relative_to(here) if run.path.is_relative_to(here) else run.path
    return f"; hydra.run.dir={shown} goes on with the run"
