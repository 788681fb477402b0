"""How yaml files write what an option may be.

==========================  ===================================================================
``0..1``                    a number from 0 to 1, both included; ``0..`` has no upper end
``0<..<1``                  likewise, without the end that a ``<`` stands beside
``whole 1..``               a whole number
``number``, ``whole``       any
``avg | max | 2 | null``    one of these words and numbers
``text``                    any text but the empty one
``any``                     anything: whoever uses it has to check it
``3 of 0..1``               a list of three numbers
``1.. of text``             a list of at least one text; ``0.. of any``: any list
``auto | whole 0..``        one or the other
``0.. of (text | whole)``   round brackets keep such a choice together
==========================  ===================================================================
"""

import re
from functools import cache, reduce
from typing import Any

from mtl.config.rules import Rule, anything, choice, each, either, number, text
from mtl.errors import UserError

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
RANGE = re.compile(rf"(whole )?({NUMBER})?(<)?\.\.(<)?({NUMBER})?")
LIST = re.compile(r"(\d+)(\.\.)? of (.+)")
BETWEEN = re.compile(r"\s*\|\s*(?![^()]*\))")
WORD = re.compile(r"[\w+-]+(?:\.\w+)*")
WORDS = {"null": None, "true": True, "false": False}
KINDS = ("number", "whole", "text", "any")


@cache
def rule_of(written: str) -> Rule:
    """The rule that is written so.

    Args:
        written: see the table above.

    Raises:
        UserError: it can't be read.
    """
    parts = BETWEEN.split(written.strip())
    words = [_word(part) for part in parts if _is_word(part)]
    kinds = [part for part in parts if not _is_word(part)]
    if len(kinds) == 1:
        return _kind(kinds[0], words)
    # A choice of one is more likely a slip.
    if len(parts) == 1:
        raise _unreadable(written)
    chosen = [choice(*words)] if words else []
    return reduce(either, [*chosen, *(_kind(kind, []) for kind in kinds)])


def _kind(kind: str, words: list[object]) -> Rule:
    """A kind of value, where some words are fine too."""
    limits = _limits(kind)
    if limits is not None:
        return number(**limits, words=words)
    null = words == [None]
    if found := LIST.fullmatch(kind):
        size = {"least" if found[2] else "length": int(found[1])}
        item = found[3].removeprefix("(").removesuffix(")")
        rule = each(rule_of(item), **size, null=null)
    elif kind == "text":
        rule = text(null=null)
    elif kind == "any":
        return anything
    else:
        raise _unreadable(kind)
    return rule if null or not words else either(choice(*words), rule)


def _limits(kind: str) -> dict[str, Any] | None:
    """The arguments of ``number``; None for what is no number."""
    if kind in ("number", "whole"):
        return {"whole": kind == "whole"}
    found = RANGE.fullmatch(kind)
    if found is None or not (found[2] or found[5]):
        return None
    limits = {"whole": bool(found[1]), "above": bool(found[3]), "below": bool(found[4])}
    ends = {"low": found[2], "high": found[5]}
    return limits | {end: _number(value) for end, value in ends.items() if value}


def _is_word(part: str) -> bool:
    return part not in KINDS and WORD.fullmatch(part) is not None


def _word(part: str) -> object:
    if part in WORDS:
        return WORDS[part]
    return _number(part) if re.fullmatch(NUMBER, part) else part


def _number(part: str) -> int | float:
    return int(part) if re.fullmatch(r"-?\d+", part) else float(part)


def _unreadable(written: str) -> UserError:
    return UserError(f"'{written}' says nothing about values; write 0..1, whole 1.., a | b or text")
