"""``mtl predict run=FILE``: an exported file in a run's place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl.cli.own_keys import whole_number
from mtl.config.nearest import listing
from mtl.config.overrides import key_of
from mtl.errors import UserError
from mtl.runs.export.formats import is_exported

if TYPE_CHECKING:
    from mtl.config.trust import Trust
    from mtl.runs.export.decider import FileDecider

BATCH_SIZE = "16"
CHANGEABLE = ("batch_size",)
OF_RUNS = {"checkpoint": "best", "device": "cpu", "calibrated": "true"}
"""What makes no difference to a file."""


def exported_file(arguments: Sequence[str]) -> Path | None:
    """The exported file that ``run=`` names, if it names one; those of a run's folder count too."""
    named = [a.partition("=")[2] for a in arguments if key_of(a) == "run"]
    path = Path(named[-1]).expanduser() if named else None
    return path if path is not None and is_exported(path) else None


def refuse_changes(own: Mapping[str, str], overrides: Sequence[str]) -> None:
    """See that nothing is to be changed that lies fixed in a file.

    Raises:
        UserError: names it.
    """
    for key, usual in OF_RUNS.items():
        if own.get(key, usual) not in (usual, "auto"):
            raise UserError(
                f"{key}={own[key]}: is for the folder of a run; an exported file has one network "
                "with its calibration, and runs on the CPU"
            )
    for override in overrides:
        if key_of(override) not in CHANGEABLE:
            raise UserError(
                f"{override}: an exported file stays as it is; of its run's configuration "
                f"{listing(CHANGEABLE)} alone can be changed"
            )


def open_file(path: Path, overrides: Sequence[str], trust: Trust) -> FileDecider:
    """What predicts.

    Args:
        path: of the file.
        overrides: see ``refuse_changes``.
        trust: whose classes it may name.

    Raises:
        UserError: it can't be used.
    """
    values = dict(override.split("=", 1) for override in overrides)
    batch_size = whole_number("batch_size", values.get("batch_size", BATCH_SIZE))

    from mtl.runs.export.decider import FileDecider

    return FileDecider.open(path, batch_size, trust)


def settings_of(path: Path) -> dict[str, Any]:
    """What is predicted with, for those who go on with it (see ``OutFolder``)."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    return {"run": str(path), "network": digest}
