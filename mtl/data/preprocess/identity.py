"""Names for settings: equal for equal work, different for different work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AnySet
from functools import partial, singledispatch
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mtl.errors import UserError


@singledispatch
def named(value: object, key: str) -> object:
    """What a setting is, as plain values that JSON can write.

    Arrays are named by their content, functions by what they do.

    Args:
        value: numbers, texts, paths, arrays, functions, classes, and containers of these.
        key: of the setting, for the message.

    Raises:
        UserError: it is something else.
    """
    raise UserError(
        f"data.cache=true can't tell one {key} from another ({type(value).__name__}); say it in "
        "the preprocessing's key(), or set data.cache=false"
    )


@named.register(int | float | str | None)
def _plain(value: float | str | None, key: str) -> object:
    return value


@named.register
def _(value: Path, key: str) -> object:
    return str(value)


@named.register
def _(value: np.generic, key: str) -> object:
    return value.item()


@named.register(np.ndarray)
def _array(value: npt.NDArray[Any], key: str) -> object:
    if value.dtype == object:
        return named(value.tolist(), key)
    return [str(value.dtype), value.shape, _digest(np.ascontiguousarray(value).tobytes())]


@named.register
def _(value: torch.Tensor, key: str) -> object:
    return named(value.detach().cpu().numpy(), key)


@named.register
def _(value: bytes, key: str) -> object:
    return ["bytes", _digest(value)]


@named.register(Mapping)
def _mapping(value: Mapping[object, object], key: str) -> object:
    pairs = [[named(name, key), named(entry, key)] for name, entry in value.items()]
    return ["mapping", *sorted(pairs, key=repr)]


@named.register(Sequence)
def _sequence(value: Sequence[object], key: str) -> object:
    return [named(entry, key) for entry in value]


@named.register(AnySet)
def _set(value: AnySet[object], key: str) -> object:
    return ["set", *sorted((named(entry, key) for entry in value), key=repr)]


@named.register(type | BuiltinFunctionType)
def _by_path(value: Any, key: str) -> object:
    return f"{value.__module__}.{value.__qualname__}"


@named.register
def _(value: np.ufunc, key: str) -> object:
    return f"numpy.{value.__name__}"


@named.register(partial)
def _partial(value: partial[object], key: str) -> object:
    return ["partial", *(named(part, key) for part in (value.func, value.args, value.keywords))]


@named.register
def _(value: FunctionType, key: str) -> object:
    """What it does: its code, and the values that it carries with it."""
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    carried = [named(part, key) for part in (value.__defaults__, value.__kwdefaults__, cells)]
    return [_by_path(value, key), _code(value.__code__), *carried]


def _code(code: CodeType) -> str:
    # Constants may hold code, whose repr() tells where it lies in memory.
    parts = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return _digest(repr([code.co_code, code.co_names, parts]).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
