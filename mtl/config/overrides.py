"""Reading single overrides."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from mtl.errors import UserError


def key_of(override: str) -> str:
    """What stands before the ``=``, as written."""
    return override.partition("=")[0]


def parse(override: str) -> Override:
    """One override as Hydra reads it.

    Raises:
        UserError: it can't be read.
    """
    key, equals, _ = override.partition("=")
    if not key.strip("+~") or not (equals or key.startswith("~")):
        raise UserError(f"'{override}': write key=value")
    try:
        return OverridesParser.create().parse_override(override)
    except (HydraException, ValueError) as error:
        reason = (str(error).splitlines() or ["?"])[0]
        raise UserError(
            f"'{override}' can't be read ({reason}); quote text with special characters: key='...'"
        ) from error


def parse_all(overrides: Sequence[str]) -> list[Override]:
    """``parse`` for each."""
    return [parse(override) for override in overrides]
