"""The names under which members were chosen, found again in a run's configuration."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mtl.config.groups import members
from mtl.config.member_files import agreement, node_of
from mtl.config.saved import groups_of_one_class

NAME = re.compile(r"\w[\w./-]*\Z")
"""Of a member, as it is typed."""


class MemberNames:
    """Looks members up by what a configuration holds of them.

    A node names its class, which most members have for themselves. Where several share one, the
    member is that whose values the node has most of. A class that no member has here, as one of a
    user's own elsewhere, goes by the name by which commands chose it (``learn``).

    Args:
        config_dir: a user's folder of further members.
    """

    def __init__(self, config_dir: Path | None = None) -> None:
        self.config_dir = config_dir
        self.groups = frozenset(groups_of_one_class())
        self._found: dict[tuple[str, str], str] = {}
        self._chosen: dict[tuple[str, str], set[str]] = {}

    def learn(self, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
        """Know by which names a run's command chose its members.

        Args:
            config: of the run.
            overrides: of its command.
        """
        heads = config.get("heads")
        for override in overrides:
            key, _, name = override.partition("=")
            group, _, task = key.lstrip("+").partition("@heads.")
            node = config.get(group)
            if task:
                node = heads.get(task) if isinstance(heads, Mapping) else None
            if group in self.groups | {"head"} and isinstance(node, Mapping) and NAME.match(name):
                target = str(node.get("_target_", ""))
                self._chosen.setdefault((group, target), set()).add(name)

    def of(self, group: str, node: Mapping[str, Any]) -> str:
        """``pcgrad`` for the node of a weighting.

        Args:
            group: whose member it is.
            node: of a run's configuration.

        Returns:
            The name; that of the class where no member has it, and no command or several tell.
        """
        key = group, repr(node)
        if key not in self._found:
            self._found[key] = self._search(group, node)
        return self._found[key]

    def values(self, group: str, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the files of a node's member say, interpolations as they are; else nothing.

        Args:
            group: whose member it is.
            node: of a run's configuration.
        """
        return _values(group, self.config_dir).get(self.of(group, node), {})

    def _search(self, group: str, node: Mapping[str, Any]) -> str:
        target = str(node.get("_target_", ""))
        shared = {
            name: values
            for name, values in _values(group, self.config_dir).items()
            if values.get("_target_") == target
        }
        if not shared:
            chosen = self._chosen.get((group, target), set())
            return next(iter(chosen)) if len(chosen) == 1 else target.rpartition(".")[2]
        return max(shared, key=lambda name: agreement(node, shared[name]))


@cache
def _values(group: str, config_dir: Path | None) -> dict[str, dict[str, Any]]:
    """Member name to its node."""
    return {name: node_of(group, name, config_dir) for name in members(group, config_dir)}
