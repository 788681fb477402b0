"""A command's own ``key=value`` arguments, beside the configuration's."""

from collections.abc import Collection, Mapping, Sequence

from mtl.config.nearest import listing
from mtl.config.overrides import key_of
from mtl.config.trust import trusted_modules
from mtl.errors import UserError


def own_keys(arguments: Sequence[str], keys: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Take out what a command reads itself.

    Args:
        arguments: of the command.
        keys: its own.

    Returns:
        Its own values by key, the last one counting, and the other arguments in their order.
    """
    own = {key_of(a): a.partition("=")[2] for a in arguments if _is_own(a, keys)}
    return own, [a for a in arguments if not _is_own(a, keys)]


def trust_of(own: Mapping[str, str]) -> tuple[str, ...]:
    """The modules that ``trust=`` names, none where it isn't there.

    Raises:
        UserError: they are no names of modules.
    """
    return trusted_modules(own["trust"]) if "trust" in own else ()


def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """Complain unless a value is allowed.

    Raises:
        UserError: it is not.
    """
    if value not in allowed:
        raise UserError(f"{key}={value}: choose one of {listing(allowed)}")


def whole_number(key: str, value: str) -> int:
    """A number of things.

    Raises:
        UserError: it is no whole number, or less than 1.
    """
    if not value.isdecimal() or int(value) < 1:
        raise UserError(f"{key}={value}: give a whole number, 1 or more")
    return int(value)


def _is_own(argument: str, keys: Collection[str]) -> bool:
    return "=" in argument and key_of(argument) in keys
