"""Checks of what a yaml of views may say."""

from collections.abc import Sequence

from mtl.config.nearest import in_words
from mtl.errors import UserError


def check_list(key: str, values: Sequence[object], distinct: Sequence[object], like: str) -> None:
    """Raise a UserError where a list is empty or says something twice.

    Args:
        key: name of the option.
        values: the list.
        distinct: what two of its items have to differ in.
        like: an example of what is allowed.
    """
    if not values:
        raise UserError(f"views.{key}=[]: give at least one, such as {like}")
    if len(set(distinct)) < len(values):
        raise UserError(f"views.{key}={in_words(list(values))}: one is there twice")
