"""The files of members, read without Hydra.

A member may build on others of its group that its ``defaults`` name: what they say holds unless it
says otherwise itself.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from mtl.config.groups import folders, members
from mtl.config.plain_values import NotPlainError, merge_into
from mtl.config.yaml_loader import read_yaml
from mtl.errors import UserError

ALLOWED = "_allowed_"
"""Key under which a file says what its options may be (see ``allowed.py``); no part of a node."""
DEFAULTS = re.compile(r"^defaults:\s*(\[.*?\]|(?:\n\s*- .*)+)", re.MULTILINE)
ENTRY = re.compile(r"(?:^|[\[,])\s*(?:- )?(\w+)\s*(?=[,\]#]|$)", re.MULTILINE)
"""A name alone: of a file beside it, not ``/head@...: box``."""


def text_of(file: Path) -> str:
    """What a file holds; what is no UTF-8 is left to Hydra to complain about."""
    return file.read_text(encoding="utf-8", errors="replace")


def chain(file: Path, config_dir: Path | None = None, above: Sequence[Path] = ()) -> list[Path]:
    """The files that a member builds on, the furthest first, and its own.

    Args:
        file: of the member.
        config_dir: a user's folder of further members.
        above: the files that build on this one.
    """
    match = DEFAULTS.search(text_of(file))
    found: list[Path] = []
    for name in ENTRY.findall(match[1]) if match else []:
        places = [folder / file.parent.name / f"{name}.yaml" for folder in folders(config_dir)]
        parent = next((place for place in places if place.is_file()), None)
        if parent is not None and parent not in (*above, file):
            found += chain(parent, config_dir, (*above, file))
    return list(dict.fromkeys([*found, file]))


def is_node_alone(file: Path, config_dir: Path | None = None) -> bool:
    """Whether a member and what it builds on say nothing of nodes other than its group's.

    Args:
        file: of the member.
        config_dir: a user's folder of further members.
    """
    texts = [text_of(part) for part in chain(file, config_dir)]
    blocks = [match[1] for text in texts if (match := DEFAULTS.search(text))]
    return not any("@package" in text for text in texts) and not any(
        {"@", "/", ":"} & set(block) for block in blocks
    )


def node_of(group: str, member: str, config_dir: Path | None = None) -> dict[str, Any]:
    """A member's node as its files have it, interpolations as they are.

    Args:
        group: ``head`` for ``heads``.
        member: one there is.
        config_dir: a user's folder of further members.

    Raises:
        UserError: see ``mapping_in``.
    """
    files = chain(members(group, config_dir)[member], config_dir)
    whole: Any = {}
    try:
        for file in files:
            merge_into(whole, mapping_in(file))
    except NotPlainError:
        parts = [OmegaConf.create(read_yaml(file)) for file in files]
        whole = OmegaConf.to_container(OmegaConf.merge(*parts))
    return without_allowed({str(key): v for key, v in whole.items() if key != "defaults"})


def mapping_in(file: Path) -> Mapping[Any, Any]:
    """What a member's file holds.

    Raises:
        UserError: something else than keys with values.
    """
    found = read_yaml(file)
    if not isinstance(found, Mapping):
        kind = "a list" if isinstance(found, list) else "a single value"
        raise UserError(f"{file} holds {kind}; a member is lines of KEY: VALUE")
    return found


def without_allowed(node: dict[str, Any]) -> dict[str, Any]:
    """A node less what its files say about options, which Hydra brings along."""
    return {
        key: without_allowed(value) if isinstance(value, dict) else value
        for key, value in node.items()
        if key != ALLOWED
    }


def agreement(node: Mapping[str, Any], values: Mapping[str, Any]) -> float:
    """How many of a member's values a node has.

    What refers to another node (``mean: ${backbone.mean}``) may be anything, and counts for half.
    """
    there = [(node[key], value) for key, value in values.items() if key in node]
    return sum(0.5 if "${" in str(value) else float(own == value) for own, value in there)


def drop_allowed(cfg: DictConfig) -> None:
    """Take what files say about options out of a configuration, in place.

    Args:
        cfg: composed; Hydra's own node, which can't be changed, is passed over.
    """
    with open_dict(cfg):
        cfg.pop(ALLOWED, None)
    for key in cfg:
        if not isinstance(key, str) or key == "hydra":
            continue
        refers = OmegaConf.is_missing(cfg, key) or OmegaConf.is_interpolation(cfg, key)
        if not refers and isinstance(node := cfg[key], DictConfig):
            drop_allowed(node)
