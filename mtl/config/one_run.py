"""What says how many runs are made, and nothing to a command that makes or reads one."""

from collections.abc import Sequence

from mtl.config.finalise import SWEEP
from mtl.config.overrides import parse_all
from mtl.errors import UserError

OF_SWEEPS = ("launcher", "sweeper", "sweep")
"""Nodes of Hydra's that a single run doesn't look at."""


def refuse_sweep(overrides: Sequence[str]) -> None:
    """Complain of settings of a sweep where there is none; a recipe may have some, for ``-m``.

    Raises:
        UserError: names the override.
    """
    for override in parse_all(overrides):
        top, *below = override.key_or_group.replace("/", ".").split(".")
        if top == SWEEP or (top == "hydra" and below and below[0] in OF_SWEEPS):
            raise UserError(
                f"{override.input_line}: is for mtl train -m, which trains many; add -m, or leave "
                "it out"
            )
