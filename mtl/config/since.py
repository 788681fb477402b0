"""What holds for a configuration that is older than some of today's keys."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from mtl.config.allowed import TARGET, said_in
from mtl.config.compose import flat
from mtl.config.groups import choices, members
from mtl.config.instantiate import container
from mtl.config.schema import composed_defaults


def values_of_keys_since(cfg: Mapping[str, Any]) -> dict[str, object]:
    """The value that each key has unless it is asked for another, by dotted key.

    A key that came later stands for what held before; where it doesn't, ``mtl upgrade`` knows
    (``mtl.config.upgrade.ADDED``).

    Args:
        cfg: today's configuration, finalised; its classes say of which members.
    """
    values = container(cfg) if isinstance(cfg, DictConfig) else cfg
    chosen = [
        f"{group}={name}"
        for group in choices()
        if (name := _member(group, values.get(group))) is not None
    ]
    defaults = composed_defaults(tuple(chosen), None)
    heads = {head.get(TARGET): head for head in defaults["heads"].values()}
    own = {task: heads.get(head.get(TARGET), {}) for task, head in values["heads"].items()}
    return flat({**defaults, "heads": own})


def _member(group: str, node: object) -> str | None:
    """The first member whose class is that of a node."""
    if not isinstance(node, dict) or TARGET not in node:
        return None
    named = ((name, said_in(group, name).get("")) for name in members(group))
    alike = (name for name, said in named if said and said.values[TARGET] == node[TARGET])
    return next(alike, None)
