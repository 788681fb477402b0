"""Checks of what a yaml of a backbone may say."""

from collections.abc import Collection
from difflib import get_close_matches

from mtl.errors import UserError


def check_choice(key: str, value: str, allowed: Collection[str]) -> None:
    """Raise a UserError unless ``value`` is one of the ``allowed`` words."""
    if value not in allowed:
        near = get_close_matches(str(value).lower(), allowed, n=1)
        hint = f" did you mean {near[0]}?" if near else ""
        raise UserError(f"backbone.{key}={value}:{hint} allowed: {', '.join(allowed)}")


def check_positive(key: str, value: int) -> None:
    """Raise a UserError unless ``value`` is 1 or more."""
    if value < 1:
        raise UserError(f"backbone.{key}={value}: allowed: whole numbers from 1")
