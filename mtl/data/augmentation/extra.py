"""Albumentations transforms chosen by name, with their arguments checked."""

import difflib
import inspect
import os
from collections.abc import Iterable, Mapping

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network

import albumentations as A

from mtl.data.sample import IGNORE_PIXEL
from mtl.errors import UserError


def build_transform(entry: Mapping[str, object]) -> A.BasicTransform:
    """Make one transform.

    Pixels that a transform brings in from outside the picture get the ignore value in masks, unless
    ``fill_mask`` says otherwise.

    Args:
        entry: ``name`` (of an albumentations transform) and its arguments.

    Raises:
        UserError: no such transform or argument, or a value that the transform refuses.
    """
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise UserError(f"augmentation.extra: {entry} needs a name, as in {{name: GaussNoise}}")
    name = str(entry["name"])
    arguments = {str(key): value for key, value in entry.items() if key != "name"}
    kind = getattr(A, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, A.BasicTransform)):
        raise UserError(
            f"augmentation.extra: albumentations has no transform {name}"
            f"{_nearest(name, _transforms())}"
        )
    parameters = inspect.signature(kind).parameters
    for argument in arguments:
        if argument not in parameters:
            raise UserError(
                f"augmentation.extra: {name} has no argument {argument}"
                f"{_nearest(argument, parameters)}; it takes {', '.join(parameters)}"
            )
    if "fill_mask" in parameters and parameters["fill_mask"].default == 0:
        arguments.setdefault("fill_mask", IGNORE_PIXEL)
    try:
        return kind(**arguments)
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"augmentation.extra: {name} refuses its arguments: {reason}") from error


def _transforms() -> list[str]:
    kinds = inspect.getmembers(A, inspect.isclass)
    return [name for name, kind in kinds if issubclass(kind, A.BasicTransform)]


def _nearest(name: str, allowed: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(allowed), n=1)
    return f", did you mean {found[0]}?" if found else ""
