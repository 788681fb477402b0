"""Numbers of things, and many of them, as they are said."""

from collections.abc import Iterable, Sequence

VOWELS = "aeiou"
MOST_NAMES = 10
"""Of many that anybody reads in a sentence."""


def counted(number: int, what: str) -> str:
    """``1 seed``, ``3 seeds``, ``2 classes``, ``1,200 entries``.

    Args:
        number: how many.
        what: one of them; its last word is put into the plural.
    """
    return f"{number:,} {agreeing(number, what, _plural(what))}"


def agreeing(number: int, one: str, several: str) -> str:
    """What goes with a number: ``is`` with 1, ``are`` with any other.

    Args:
        number: how many.
        one: for 1.
        several: for 0, and from 2 on.
    """
    return one if number == 1 else several


def span_of(numbers: Iterable[int]) -> str:
    """``22``, or ``20 to 22`` where they differ; empty of none."""
    found = sorted(set(numbers))
    return " to ".join(str(end) for end in dict.fromkeys((*found[:1], *found[-1:])))


def some(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """``a, b, c``; of many the first ones: ``a, b and 78 more``.

    Args:
        names: at least one.
        most: that are named; one more is named rather than counted.
    """
    more = len(names) - most
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:most])} and {more} more"


def _plural(what: str) -> str:
    if what.endswith(("s", "x", "ch", "sh")) and not what.endswith("epoch"):
        return f"{what}es"
    if what.endswith("y") and what[-2] not in VOWELS:
        return f"{what[:-1]}ies"
    return f"{what}s"
