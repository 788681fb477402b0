"""Tasks of data sets with many targets: heads that no file lists, and names by pattern."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

from mtl.config.nearest import in_words, unknown
from mtl.errors import UserError

SIGNS = "*?"
"""Of a pattern."""


def heads_of_targets(
    heads: Mapping[str, Mapping[str, Any]], data: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """A head for every target that has none of its name, where the data says which (``each``).

    Args:
        heads: all that there are; that of the kind that ``each`` names is copied as it is.
        data: the data node.

    Raises:
        UserError: there is no such head.
    """
    kind = data.get("each")
    if kind is None:
        return {}
    if kind not in heads:
        raise UserError(f"data.each: {unknown('head', str(kind), heads)}")
    targets = data.get("targets") or {}
    named = [name for name, its in targets.items() if its == heads[kind].get("kind")]
    return {name: dict(deepcopy(heads[kind])) for name in named if name not in heads}


def tasks_named(tasks: list[Any], heads: Collection[str], targets: Collection[str]) -> list[Any]:
    """The tasks with patterns such as ``Wearing_*`` written out; ``*`` is each target's.

    Args:
        tasks: as asked for.
        heads: all that there are.
        targets: of the data, whose heads patterns choose from.

    Raises:
        UserError: a pattern fits none.
    """
    found: list[Any] = []
    for task in tasks:
        if not isinstance(task, str) or not any(sign in task for sign in SIGNS):
            found.append(task)
            continue
        there = [name for name in targets if name in heads]
        fitting = [name for name in there if fnmatchcase(name, task)]
        if not fitting:
            raise UserError(f"tasks={in_words(tasks)}: {unknown('target', task, there)}")
        found += [name for name in fitting if name not in found]
    return found
