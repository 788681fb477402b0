"""What Hydra and OmegaConf do with configurations, on plain values and for simple cases alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import Override

REFERENCE = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")
"""An interpolation of another key; ``${now:%Y}`` is none."""


class NotPlainError(Exception):
    """It isn't a simple case."""


def put_value(values: dict[str, Any], override: Override) -> None:
    """Change a value that is there, in place.

    Args:
        values: unresolved.
        override: ``key=value``.

    Raises:
        NotPlainError: a new key, a mapping, or one of Hydra's other ways of writing.
    """
    value = override.value()
    if override.is_add() or override.is_force_add() or override.is_delete():
        raise NotPlainError
    if override.package is not None or not _is_plain(value):
        raise NotPlainError
    *path, last = str(override.key_or_group).split(".")
    node: Any = values
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node or isinstance(node[last], dict):
        raise NotPlainError
    node[last] = value


def merge_into(values: dict[Any, Any], new: Mapping[Any, Any]) -> None:
    """Lay the values of a file over others, as ``OmegaConf.merge`` does.

    Args:
        values: unresolved; changed in place.
        new: unresolved.

    Raises:
        NotPlainError: something isn't merged key by key.
    """
    for key, value in new.items():
        old = values.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge_into(old, value)
        elif key in values and value == "???":
            continue
        elif {type(old), type(value)} == {dict, list} or (
            isinstance(old, str) and "${" in old and isinstance(value, dict)
        ):
            raise NotPlainError
        else:
            values[key] = value


def looked_up(values: Mapping[str, Any], of: Iterable[str] | None = None) -> dict[str, Any]:
    """Nodes with what interpolations refer to in their place.

    Args:
        values: the whole configuration, unresolved.
        of: the nodes that are wanted; None: all.

    Raises:
        NotPlainError: an interpolation that isn't the key of a value, and nothing else.
    """
    return {key: _resolved(values[key], values, 0) for key in (values if of is None else of)}


def referred_to(values: Mapping[str, Any]) -> frozenset[str]:
    """The keys at the top below which any interpolation looks."""
    return frozenset(
        path.partition(".")[0] for text in _texts(values) for path in REFERENCE.findall(text)
    )


def _resolved(value: Any, root: Mapping[str, Any], depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(inside, root, depth) for key, inside in value.items()}
    if isinstance(value, list):
        return [_resolved(inside, root, depth) for inside in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    match = REFERENCE.fullmatch(value)
    if match is None or depth > 9:
        raise NotPlainError
    node: Any = root
    for key in match[1].split("."):
        if not isinstance(node, dict) or key not in node:
            raise NotPlainError
        node = node[key]
    if node == "???":
        raise NotPlainError
    return _resolved(node, root, depth + 1)


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or (
        isinstance(value, bool | int | float)
        or (isinstance(value, str) and not {"$", "\\"} & set(value) and value != "???")
    )


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node
