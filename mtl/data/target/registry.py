"""From what names a kind to the kind."""

from __future__ import annotations

import importlib

from mtl.config.kinds import KINDS, check_kind
from mtl.data.target.base import TargetKind
from mtl.errors import UserError


def kind_of(given: str | TargetKind | type[TargetKind]) -> TargetKind:
    """The kind itself.

    Args:
        given: a name such as ``label``, a dotted path to a class of the user's own, that class, or
            a kind.

    Raises:
        UserError: there is no such kind.
    """
    if isinstance(given, TargetKind):
        return given
    if isinstance(given, str):
        check_kind("kind", given)
        given = _located(KINDS.get(given, given))
    return given()


def _located(path: str) -> type[TargetKind]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"kind={path}: can't be imported ({error})") from error
    if not (isinstance(found, type) and issubclass(found, TargetKind)):
        raise UserError(f"kind={path}: is no mtl.TargetKind")
    return found
