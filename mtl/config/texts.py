"""Mappings of names that Hydra's own words for mappings can't hold, such as those with umlauts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from mtl.config.overrides import in_quotes, parse
from mtl.errors import UserError


def untexted(data: Mapping[str, Any], at: str = "data") -> dict[str, Any]:
    """A data set's node in which a text ``{NAME: VALUE, ...}`` is the mapping that it means.

    Args:
        data: plain values; those of the sets of a mixture are gone through, too.
        at: the node's key.

    Raises:
        UserError: a text that begins like a mapping is none.
    """
    found = dict(data)
    for key, value in data.items():
        if isinstance(value, str) and value.startswith("{"):
            found[key] = _mapping(f"{at}.{key}", value)
        elif key == "sets" and isinstance(value, Mapping):
            found[key] = {
                name: untexted(own, f"{at}.{key}.{name}") if isinstance(own, Mapping) else own
                for name, own in value.items()
            }
    return found


def written(key: str, mapping: Mapping[str, str]) -> str:
    """An override with a mapping: in quotes, as a shell takes it, where Hydra asks for them."""
    plain = f"{key}={{{', '.join(f'{name}: {value}' for name, value in mapping.items())}}}"
    try:
        if parse(plain).value() == dict(mapping):
            return plain
    except UserError:
        pass
    text = yaml.safe_dump(
        dict(mapping),
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=float("inf"),
    )
    return in_quotes(f"{key}={text.strip()}")


def _mapping(key: str, text: str) -> dict[Any, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or None in found.values():
        raise UserError(f"{key}={text}: is no mapping; write {key}='{{NAME: VALUE, ...}}'")
    return found
