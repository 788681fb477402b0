"""Commands that repeat a run, or a part of it, as it was."""

from collections.abc import Sequence

from mtl.config.difference import MAY_DIFFER, may_differ
from mtl.config.nearest import listing
from mtl.config.overrides import key_of
from mtl.errors import UserError

DEVICE = ("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy")
"""Where a run is made is not a part of it."""


def refuse_changes(overrides: Sequence[str], what: str, further: Sequence[str] = ()) -> None:
    """See that overrides leave alone what decides the result.

    Args:
        overrides: of a run's configuration.
        what: the beginning of the sentence that says why.
        further: keys that the command takes too, as ``out=``.

    Raises:
        UserError: names one that doesn't, and the keys that may be given.
    """
    for override in overrides:
        key = key_of(override)
        if not (may_differ(key) or key in DEVICE or key.startswith("data.root")):
            allowed = ", ".join([*further, "data.root=", listing([*MAY_DIFFER, *DEVICE])])
            raise UserError(f"{override}: {what}; it takes {allowed}")
