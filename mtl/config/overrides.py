"""Reading single overrides."""

import shlex
from collections.abc import Sequence
from functools import cache, lru_cache

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
        return _parsed(override)
    except (HydraException, ValueError) as error:
        # What the parser would have expected is a list of its own words.
        reason = (str(error).splitlines() or ["?"])[0].partition(" expecting {")[0]
        raise UserError(f"'{override}' can't be read ({reason}); {_repair(override)}") from error


def _repair(override: str) -> str:
    key, _, value = override.partition("=")
    for opening, closing in ("[]", "{}", "()"):
        if value.count(opening) > value.count(closing):
            return f"{opening} is not closed: write {closing} at the end, and '...' around it all"
    if value.startswith("="):
        return f"write {key}={value.lstrip('=')}"
    return f"write {in_quotes(override)}"


@lru_cache(maxsize=4096)
def _parsed(override: str) -> Override:
    return _parser().parse_override(override)


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def in_quotes(override: str) -> str:
    """An override whose value is quoted for Hydra, as it is to be typed into a shell."""
    key, _, value = override.partition("=")
    inner = value.strip("'\"").replace("'", "\\'")
    text = f"{key}='{inner}'"
    # Within double quotes a shell still reads these.
    return shlex.quote(text) if set('$`"\\!') & set(text) else f'"{text}"'


def parse_all(overrides: Sequence[str]) -> list[Override]:
    """``parse`` for each."""
    return [parse(override) for override in overrides]
