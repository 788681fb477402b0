"""Numbers out of files that anybody may have written."""

import math
from collections.abc import Mapping
from typing import Any


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def numbers(value: object) -> list[float] | None:
    """A list of finite numbers, or None where it is anything else."""
    if not isinstance(value, list):
        return None
    found = [number(item) for item in value]
    return None if None in found else [item for item in found if item is not None]


def columns(node: object, names: tuple[str, ...]) -> tuple[list[float], ...] | None:
    """Lists of finite numbers of equal length, one for each name; None where they aren't there."""
    if not isinstance(node, Mapping):
        return None
    found = tuple(numbers(node.get(name)) for name in names)
    whole = [column for column in found if column]
    if len(whole) < len(names) or len({len(column) for column in whole}) > 1:
        return None
    return tuple(whole)


def mapping(node: object) -> dict[str, Any]:
    """A mapping with names as keys; empty where it is anything else."""
    if not isinstance(node, Mapping):
        return {}
    return {key: value for key, value in node.items() if isinstance(key, str)}


def short(value: float, digits: int = 4) -> float:
    """Rounded to significant digits, so that a page of many numbers stays small."""
    return float(f"{value:.{digits}g}")
