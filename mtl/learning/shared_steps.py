"""Steps that several processes make together."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as L

from mtl.config.total_batch import batches_per_step
from mtl.errors import UserError
from mtl.words import counted


def accumulate_total(trainer: L.Trainer, settings: Mapping[str, Any]) -> None:
    """Accumulate what ``trainer.total_batch`` takes.

    Args:
        trainer: in a fit that knows its processes, before it opens its loaders.
        settings: the run's configuration as plain containers.

    Raises:
        UserError: no whole number of batches makes it.
    """
    total = settings["trainer"].get("total_batch")
    if total is None:
        return
    try:
        batches = batches_per_step(total, settings["batch_size"], trainer.world_size)
    except UserError as error:
        raise _of_all(trainer, str(error)) from error
    trainer.accumulate_grad_batches = batches


def refuse_other_steps(
    trainer: L.Trainer, settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """See that the steps that come are those of the run that goes on.

    Args:
        trainer: that goes on with it.
        settings: the run's configuration as plain containers.
        about: what its checkpoint says of it; one of an older version doesn't say how many
            processes there were.

    Raises:
        UserError: there were more or fewer processes.
    """
    now = trainer.world_size
    before, within = about.get("processes", now), bool(about.get("batches"))
    if before == now or (settings["trainer"].get("total_batch") is not None and not within):
        return
    left = "left this run within an epoch" if within else "trained this run"
    text = f"{counted(before, 'process')} {left}, and {now} would go on with other steps"
    raise _of_all(trainer, text)


def _of_all(trainer: L.Trainer, text: str) -> UserError:
    """An error that all processes raise; the first one speaks for all."""
    return UserError(text if trainer.is_global_zero else "")
