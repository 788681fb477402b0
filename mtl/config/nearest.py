"""Wording shared by all messages about names."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from mtl.config.other_words import KEYS, MEMBERS
from mtl.config.trainer_keys import instead_of

PROPOSED = "data.suggested."
"""What a data set proposes for keys at the top; nobody writes it."""
SURE = 0.7
"""How much alike keys must be; there are many of them."""


def nearest(name: str, names: Iterable[str], count: int = 1, alike: float = 0.6) -> list[str]:
    """The names most like ``name``, best first; none where nothing is alike."""
    return get_close_matches(name, list(names), n=count, cutoff=alike)


def listing(names: Iterable[object]) -> str:
    """``a, b, c``, or ``none`` for no names at all."""
    return ", ".join(str(name) for name in names) or "none"


def unknown(kind: str, name: str, names: Iterable[str]) -> str:
    """``no backbone 'resnt18'; did you mean 'resnet18'? There are: resnet18, resnet34``."""
    names = sorted(names)
    ours = MEMBERS.get(kind, {}).get(name.lower())
    if ours in names:
        return f"no {kind} '{name}'; did you mean '{ours}'? There are: {listing(names)}"
    hint = "".join(f"; did you mean '{near}'?" for near in nearest(name, names))
    return f"no {kind} '{name}'{hint or '.'} There are: {listing(names)}"


def unknown_key(key: str, values: Mapping[str, object]) -> str:
    """What to say about a key that does not exist.

    Args:
        key: as written.
        values: the keys that exist, dotted, with their current values.
    """
    if instead := instead_of(key):
        return f"{key} is set by the framework; write {instead}"
    return f"unknown key '{key}'{suggestion(key, values)}"


def suggestion(key: str, values: Mapping[str, object]) -> str:
    """``; did you mean epochs=10?``: its last word elsewhere, else near keys, else what is there.

    Args:
        key: as written.
        values: see ``unknown_key``.
    """
    if key in KEYS:
        return f"; did you mean {KEYS[key]}?"
    if own := _own_head(key, values):
        return f"; {own} beside it gives the task options of its own"
    parent, _, leaf = key.rpartition(".")
    values = {k: value for k, value in values.items() if not k.startswith(PROPOSED)}
    elsewhere = [k for k in values if k.rpartition(".")[2] == leaf]
    siblings = [k for k in values if k.rpartition(".")[0] == parent]
    leaves = [k.rpartition(".")[2] for k in siblings]
    near = [f"{parent}.{n}".lstrip(".") for n in nearest(leaf, leaves, 3, SURE)]
    found = (elsewhere or list(dict.fromkeys([*near, *nearest(key, values, 3, SURE)])))[:3]
    if found:
        return "; did you mean " + " or ".join(f"{k}={in_words(values[k])}" for k in found) + "?"
    if parent and siblings:
        return f"; {parent} has {listing(k[len(parent) + 1 :] for k in siblings)}"
    return "; see mtl train --cfg job for all keys"


def _own_head(key: str, values: Mapping[str, object]) -> str | None:
    """What makes a head for a task that has that of all the data's targets."""
    group, name, *_ = [*key.split("."), ""]
    shared = values.get("data.each")
    if group != "heads" or shared is None or f"data.targets.{name}" not in values:
        return None
    has_one = any(known.startswith(f"heads.{name}.") for known in values)
    return None if has_one else f"head@heads.{name}={shared}"


def in_words(value: object) -> str:
    """A value as it would be written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(in_words(item) for item in value) + "]"
    return str(value)
