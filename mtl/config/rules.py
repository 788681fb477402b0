"""The kinds of rule that a value can be held to."""

import math
from collections.abc import Callable, Collection

from mtl.config.nearest import in_words

Rule = Callable[[object], str | None]
"""Takes a value and returns what it must be, or None where it is fine."""


def number(
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    whole: bool = False,
    words: Collection[object] = (),
) -> Rule:
    """A finite number in a range.

    Args:
        low: smallest value.
        high: largest value.
        above: ``low`` itself is excluded.
        below: ``high`` itself is excluded.
        whole: whole numbers only.
        words: other values that are fine, such as ``auto`` or None.
    """
    text = "a whole number" if whole else "a number"
    limits = []
    if low > -math.inf:
        limits.append(f"greater than {in_words(low)}" if above else f"at least {in_words(low)}")
    if high < math.inf:
        limits.append(f"less than {in_words(high)}" if below else f"at most {in_words(high)}")
    if words:
        named = " or ".join("null" if word is None else str(word) for word in words)
        wanted = f"must be {named} or {text} {' and '.join(limits)}".rstrip()
        out_of_range = wanted
    else:
        wanted = f"must be {text} {' and '.join(limits)}".rstrip()
        out_of_range = f"must be {' and '.join(limits) or 'finite'}"

    def rule(value: object) -> str | None:
        if any(value is word or value == word for word in words if not isinstance(value, bool)):
            return None
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return wanted
        if not math.isfinite(value):
            return "must be finite"
        low_enough = value < high if below else value <= high
        high_enough = value > low if above else value >= low
        return None if low_enough and high_enough else out_of_range

    return rule


def choice(*allowed: object) -> Rule:
    """One of a few values."""
    named = ", ".join(
        "null" if a is None else str(a).lower() if a in (True, False) else str(a) for a in allowed
    )

    def rule(value: object) -> str | None:
        same = (a for a in allowed if a == value and isinstance(a, bool) == isinstance(value, bool))
        return None if any(True for _ in same) else f"must be one of {named}"

    return rule


def each(item: Rule, *, length: int | None = None, least: int = 0, null: bool = False) -> Rule:
    """A list whose items follow one rule.

    Args:
        item: what each must be.
        length: how many there must be.
        least: how many there must be at least.
        null: whether null is fine too.
    """

    def rule(value: object) -> str | None:
        if value is None and null:
            return None
        if not isinstance(value, list):
            return "must be a list, such as [a,b]" + (" or null" if null else "")
        if length is not None and len(value) != length:
            return f"must be a list of {length}"
        if len(value) < least:
            return f"must be a list of at least {least}"
        return next((f"each item {wrong}" for v in value if (wrong := item(v))), None)

    return rule


def text(*, null: bool = False) -> Rule:
    """Text that is not empty."""

    def rule(value: object) -> str | None:
        if value is None and null:
            return None
        return None if isinstance(value, str) and value else "must be text"

    return rule


def either(first: Rule, second: Rule) -> Rule:
    """What one of two rules allows."""

    def rule(value: object) -> str | None:
        wrong = first(value)
        other = second(value)
        if wrong is None or other is None:
            return None
        return f"{wrong} or {other.removeprefix('must be ')}"

    return rule


def anything(value: object) -> str | None:
    """Any value; what it has to be is found out where it is used."""
    return None
