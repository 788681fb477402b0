"""Wording shared by all messages about names."""

from collections.abc import Iterable
from difflib import get_close_matches

from mtl.config.other_words import MEMBERS

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


def in_words(value: object) -> str:
    """A value as it would be written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(in_words(item) for item in value) + "]"
    return str(value)
