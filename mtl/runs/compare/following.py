"""Settings that were not chosen, since they follow from others: ``mean: ${backbone.mean}``."""

import re
from collections.abc import Mapping
from typing import Any

from mtl.config.compose import flat
from mtl.runs.compare.member_names import MemberNames

REFERENCE = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")
"""A value that is another's, and nothing else."""


def following(config: Mapping[str, Any], names: MemberNames) -> frozenset[str]:
    """The dotted keys whose values are those that their members' files refer to.

    A key for which something else was given is none of them.

    Args:
        config: of a run.
        names: of the members.
    """
    found = set()
    for group in names.groups & config.keys():
        node = config[group]
        if not isinstance(node, Mapping):
            continue
        for option, path in _references(names.values(group, node)).items():
            value = value_at(node, option)
            if value is not None and value == value_at(config, path):
                found.add(f"{group}.{option}")
    return frozenset(found)


def _references(values: Mapping[str, Any]) -> dict[str, str]:
    """Option to the key that it refers to."""
    matches = {key: REFERENCE.fullmatch(str(value)) for key, value in flat(dict(values)).items()}
    return {key: match[1] for key, match in matches.items() if match}


def value_at(node: object, path: str) -> object:
    """What stands at a dotted key; None where nothing does."""
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node
