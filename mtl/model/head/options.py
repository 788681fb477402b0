"""Checks of what a yaml of a head may say."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.words import agreeing, counted


def check_names(head: str, key: str, asked: Collection[str], allowed: Collection[str]) -> None:
    """Raise a UserError unless ``asked`` names one or more of the ``allowed`` words."""
    for name in asked:
        if name not in allowed:
            near = get_close_matches(str(name).lower(), allowed, n=1)
            hint = f" did you mean {near[0]}?" if near else ""
            raise UserError(f"{head}.{key}={name}:{hint} allowed: {', '.join(allowed)}")
    if not asked:
        raise UserError(f"{head}.{key} is empty; name at least one of {', '.join(allowed)}")


def check_range(head: str, key: str, value: float, low: float, high: float = float("inf")) -> None:
    """Raise a UserError unless ``low <= value <= high``."""
    if not low <= value <= high:
        limits = f"from {low:g} up" if high == float("inf") else f"{low:g} to {high:g}"
        raise UserError(f"{head}.{key}={value}: allowed: {limits}")


def check_per_class(
    head: str, key: str, values: Sequence[float] | None, classes: Sequence[str]
) -> None:
    """Raise a UserError unless ``values`` is None or holds one number, 0 or more, per class."""
    if values is None:
        return
    if len(values) != len(classes):
        raise UserError(
            f"{head}.{key} has {counted(len(values), 'number')}, but there "
            f"{agreeing(len(classes), 'is', 'are')} {counted(len(classes), 'class')}: "
            f"{', '.join(classes[:8])}{', ...' if len(classes) > 8 else ''}"
        )
    if min(values) < 0:
        raise UserError(f"{head}.{key}={list(values)}: allowed: numbers from 0 up")


def per_class_tensor(values: Sequence[float] | None) -> Tensor | None:
    """Numbers of a yaml as a float32 (C,) tensor."""
    return None if values is None else torch.tensor(list(values), dtype=torch.float32)
