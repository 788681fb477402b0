"""``protocol``: which epoch the numbers of the test split are of."""

from collections.abc import Mapping
from typing import Any

from mtl.errors import UserError

CHOSEN, PAPER = "chosen", "paper"
"""The epoch chosen on val; or, as papers do, the mean over the last ones, where none is chosen."""
ALONE = ("early_stopping", "task_stopping", "ema")
"""Callbacks that make the last epochs others than a paper's."""


def check_protocol(values: Mapping[str, Any]) -> None:
    """See that ``protocol=paper`` can be kept to.

    Args:
        values: the whole configuration; an older one may say nothing of it.

    Raises:
        UserError: names the key that contradicts it.
    """
    if values.get("protocol", CHOSEN) != PAPER:
        return
    if not values["test"]:
        raise UserError("protocol=paper: measures on the test split, and test=false leaves it out")
    for name in ALONE:
        callback = values["callbacks"].get(name)
        if callback and callback.get("enabled", True):
            raise UserError(
                f"protocol=paper: reports the last epochs as they are trained; leave out "
                f"callbacks.{name}.enabled=true"
            )
