"""The values that keys may have."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

from mtl.config.allowed import TARGET, UNKNOWN, Chosen, group_of
from mtl.config.nearest import in_words
from mtl.config.notation import rule_of
from mtl.config.rules import Rule
from mtl.errors import UserError

FRAMEWORK = {
    # First, since a metric may be called like an option.
    "heads.*.larger_is_better.*": "2 of (null | number)",
    "heads.*.smaller_is_better.*": "2 of (null | number)",
    "seed": "whole 0..4294967295",
    "epochs": "whole 1..",
    "batch_size": "auto | whole 1..",
    "image_size": "whole 8..",
    "lr": "0<..",
    "protocol": "chosen | paper",
    "data.limit": "null | whole 1..",
    "data.balance": "null | text",
    "data.balance_power": "0..",
    "data.workers": "auto | whole 0..",
    "data.cache_size": "0<..",
    "data.max_megapixels": "0<..",
    "data.on_error": "raise | skip",
    "data.published": "text",
    "data.each": "null | text",
    "backbone.mean": "1.. of 0..1",
    "backbone.std": "1.. of 0<..",
    "backbone.stride": "whole 1..",
    "backbone.rotation": "none | filters",
    "backbone.rotation_pool": "max | mean",
    "ensemble.tta": "0.. of (number | text)",
    "heads.*.weight": "0..",
    "optimizer.weight_decay": "0..",
    "optimizer.stage_decay": "0<..1",
    "optimizer.backbone_factor": "auto | 0..",
    "trainer.compile": "true | false | text",
    "trainer.limit_epochs": "null | whole 1..",
    "trainer.matmul_precision": "highest | high | medium",
    "trainer.total_batch": "null | whole 1..",
}
"""Of keys that the framework reads itself, whatever member was chosen; the first that fits holds.

What other options may be stands in their member's own file (``allowed.py``).
"""


class Owner(NamedTuple):
    """A node that names a class, and so says what its options may be.

    Args:
        prefix: what stands before the options in their dotted keys.
        allowed: option to what it may be, in the notation of ``notation.py``.
    """

    prefix: str
    allowed: Mapping[str, str]


def owner_of(
    node: Mapping[str, Any], prefix: str, around: Owner | None = None, chosen: Chosen = UNKNOWN
) -> Owner | None:
    """Whose options the values of a node are.

    Args:
        node: values by key.
        prefix: what stands before the keys.
        around: whose option the node itself is; None where none around it names a class.
        chosen: the members that the configuration was made of.

    Raises:
        UserError: what a user's file says can't be understood.
    """
    if TARGET not in node:
        return around
    return Owner(prefix, chosen.allowed(prefix, node))


def allowed(key: str, owner: Owner | None = None) -> str | None:
    """What a value may be, in the notation of ``notation.py``; None where its type alone counts.

    Args:
        key: dotted.
        owner: whose option it is.
    """
    if owner is None:
        return _of_framework(key)
    option = key.removeprefix(owner.prefix)
    # Each of encoder.backbones is a backbone.
    of_all = f"backbone.{option}" if group_of(owner.prefix) == "backbone" else key
    return _of_framework(of_all) or owner.allowed.get(option)


@cache
def _of_framework(key: str) -> str | None:
    return next((words for known, words in FRAMEWORK.items() if fnmatchcase(key, known)), None)


def rule_for(key: str, owner: Owner | None = None) -> Rule | None:
    """The rule for what is ``allowed``."""
    words = allowed(key, owner)
    return None if words is None else rule_of(words)


def check_ranges(
    node: Mapping[str, Any],
    chosen: Chosen = UNKNOWN,
    prefix: str = "",
    around: Owner | None = None,
) -> None:
    """Hold every value to its rule.

    Args:
        node: values by key.
        chosen: the members that they were made of.
        prefix: what stands before the keys.
        around: see ``owner_of``.

    Raises:
        UserError: such as ``lr=-1: must be greater than 0``.
    """
    owner = owner_of(node, prefix, around, chosen)
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        rule = rule_for(dotted, owner)
        if rule is not None and (wrong := rule(value)):
            raise UserError(f"{dotted}={in_words(value)}: {wrong}")
        for inside, part in _nodes(dotted, value):
            check_ranges(part, chosen, inside, owner)


def _nodes(key: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The nodes that a value is or lists, with what stands before their keys."""
    if isinstance(value, dict):
        yield f"{key}.", value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _nodes(f"{key}[{place}]", item)
