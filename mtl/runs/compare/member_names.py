"""The names under which members were chosen, found again in a run's configuration."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from mtl.config.groups import members
from mtl.config.saved import groups_of_one_class


class MemberNames:
    """Looks members up by what a configuration holds of them.

    A node names its class, which most members have for themselves. Where several share one, the
    member is that whose values the node has most of.

    Args:
        config_dir: a user's folder of further members.
    """

    def __init__(self, config_dir: Path | None = None) -> None:
        self.config_dir = config_dir
        self.groups = frozenset(groups_of_one_class())
        self._found: dict[tuple[str, str], str] = {}

    def of(self, group: str, node: Mapping[str, Any]) -> str:
        """``pcgrad`` for the node of a weighting.

        Args:
            group: whose member it is.
            node: of a run's configuration.

        Returns:
            The name; that of the class where no member has it.
        """
        key = group, repr(node)
        if key not in self._found:
            self._found[key] = self._search(group, node)
        return self._found[key]

    def _search(self, group: str, node: Mapping[str, Any]) -> str:
        target = str(node.get("_target_", ""))
        shared = {
            name: values
            for name, values in _values(group, self.config_dir).items()
            if values.get("_target_") == target
        }
        if not shared:
            return target.rpartition(".")[2]

        def agreement(name: str) -> int:
            return sum(key in node and node[key] == value for key, value in shared[name].items())

        return max(shared, key=agreement)


@cache
def _values(group: str, config_dir: Path | None) -> dict[str, dict[str, Any]]:
    """Member name to the values of its file and of those that it builds on."""
    return {name: _read(file) for name, file in members(group, config_dir).items()}


def _read(file: Path) -> dict[str, Any]:
    node = cast(dict[str, Any], yaml.safe_load(file.read_text()) or {})
    found: dict[str, Any] = {}
    for name in node.pop("defaults", ()):
        base = file.parent / f"{name}.yaml"
        if base.is_file():
            found |= _read(base)
    return found | node
