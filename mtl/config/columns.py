"""What the columns of a table are, and which targets they make; nothing here imports torch."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mtl.config.nearest import unknown
from mtl.errors import UserError

IMAGE, SPLIT, GROUP, NUMBERS = "image", "split", "group", "numbers"
MAPS = ("mask", "depth", "normals")
"""Kinds whose values lie in files of their own, which a table names."""
TARGETS = ("label", "labels", NUMBERS, *MAPS)
ROLES = (IMAGE, *TARGETS, SPLIT, GROUP)
"""What a column can be."""


def column_targets(columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Target to its columns and the kind of each.

    All columns of numbers are one target, ``numbers``. A target of another kind is called by its
    kind where one column is of it, else by the column.

    Args:
        columns: name to what it is.

    Raises:
        UserError: a column is something that there isn't.
    """
    for name, role in columns.items():
        if role not in ROLES:
            raise UserError(f"data.columns.{name}={role}: {unknown('role', str(role), ROLES)}")
    several = Counter(columns.values())
    found: dict[str, dict[str, str]] = {}
    for name, role in columns.items():
        if role in TARGETS:
            target = role if role == NUMBERS or several[role] == 1 else name
            found.setdefault(target, {})[name] = role
    return found


def targets_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Target to kind, as a data set's node names them.

    Where it says what the columns of its table are, these name targets too, instead of those of
    their kinds in ``targets``.

    Raises:
        UserError: a column is something that there isn't.
    """
    targets: dict[str, str] = dict(data.get("targets") or {})
    columns = data.get("columns") if "table" in data else None
    if not columns:
        return targets
    if not isinstance(columns, Mapping):
        raise UserError(f"data.columns={columns}: is no mapping; write {{NAME: image, ...}}")
    named = {t: next(iter(kinds.values())) for t, kinds in column_targets(columns).items()}
    rest = {name: kind for name, kind in targets.items() if kind not in named.values()}
    return {**rest, **named}
