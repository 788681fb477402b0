"""What goes by the values of a validation, and whether a run has any."""

from collections.abc import Mapping
from typing import Any

from mtl.errors import UserError

PLATEAU = "mtl.learning.scheduler.plateau.plateau"


def unvalidated(values: Mapping[str, Any]) -> str | None:
    """Why the trainer validates nothing, as the keys that say so; None where it does.

    Args:
        values: the whole configuration.
    """
    trainer = values["trainer"]
    if trainer.get("limit_val_batches") == 0:
        return "trainer.limit_val_batches=0"
    every, epochs = trainer.get("check_val_every_n_epoch") or 1, values["epochs"]
    if every > epochs:
        return f"trainer.check_val_every_n_epoch={every} epochs={epochs}"
    return None


def validation_followers(values: Mapping[str, Any]) -> list[str]:
    """What of a run goes by the values of a validation and is nothing without, by its keys.

    The best checkpoint is not among it: without a value the latest epoch counts as the best.

    Args:
        values: the whole configuration.
    """
    found = []
    for name, node in values["callbacks"].items():
        own = isinstance(node, Mapping) and bool(node.get("enabled", True))
        if own and (name == "task_stopping" or str(node.get("monitor", "")).startswith("val/")):
            found.append(f"callbacks.{name}")
    if values["scheduler"].get("_target_") == PLATEAU:
        found.append("scheduler=plateau")
    if values["unfreezing"].get("at") == "plateau":
        found.append("unfreezing.at=plateau")
    return found


def check_validation(values: Mapping[str, Any]) -> None:
    """See that what goes by validation will have one, as far as that is known without data.

    A run of fewer epochs than lie between two validations is a short one, which may go on: nothing
    would have happened in it anyway.

    Args:
        values: the whole configuration.

    Raises:
        UserError: validation is switched off.
    """
    followers = validation_followers(values)
    if followers and values["trainer"].get("limit_val_batches") == 0:
        raise UserError(
            f"trainer.limit_val_batches=0: nothing is validated, and {followers[0]} goes by what "
            "validation finds; leave one of them out"
        )
