"""What is said of a key that does not exist."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from omegaconf.errors import OmegaConfBaseException

from mtl.config.groups import choices, members
from mtl.config.member_files import node_of
from mtl.config.nearest import SURE, in_words, listing, nearest
from mtl.config.other_words import KEYS
from mtl.config.trainer_keys import instead_of
from mtl.errors import UserError

PROPOSED = "data.suggested."
"""What a data set proposes for keys at the top; nobody writes it."""
ROOT = "data.root"
MOST_MEMBERS = 3
"""Other members that are named as having a key."""


def unknown_key(key: str, values: Mapping[str, object], config_dir: Path | None = None) -> str:
    """What to say about a key that does not exist.

    Args:
        key: as written.
        values: the keys that exist, dotted, with their current values, and the members chosen of
            groups under the groups' names where these are known.
        config_dir: a user's folder of further members.
    """
    if instead := instead_of(key):
        return f"{key} is set by the framework; write {instead}"
    return f"unknown key '{key}'{suggestion(key, values, config_dir)}"


def suggestion(key: str, values: Mapping[str, object], config_dir: Path | None = None) -> str:
    """``; did you mean epochs=10?``: its last word elsewhere, else near keys, else what is there.

    Args:
        key: as written.
        values: see ``unknown_key``.
        config_dir: likewise.
    """
    if known := _at_once(key, values):
        return f"; {known}"
    values = {name: value for name, value in values.items() if _is_for_users(name)}
    parent, _, leaf = key.rpartition(".")
    elsewhere = [k for k in values if k.rpartition(".")[2] == leaf]
    siblings = [k for k in values if k.rpartition(".")[0] == parent]
    leaves = [k.rpartition(".")[2] for k in siblings]
    near = [f"{parent}.{n}".lstrip(".") for n in nearest(leaf, leaves, 3, SURE)]
    others = "".join(f"; {other}" for other in _other_members(key, values, config_dir))
    if not others and (parent or not near):
        near += nearest(key, values, 3, SURE)
    found = (elsewhere or list(dict.fromkeys(near)))[:3]
    if found:
        return "; did you mean " + " or ".join(f"{k}={in_words(values[k])}" for k in found) + "?"
    if parent and siblings:
        return f"; {parent} has {listing(k[len(parent) + 1 :] for k in siblings)}{others}"
    if others:
        group = key.partition(".")[0]
        return f"; {group}={values[group]} has no options{others}"
    return "; see mtl train --cfg job for all keys"


def _at_once(key: str, values: Mapping[str, object]) -> str | None:
    """What is known of a key without looking for others that are like it."""
    if key in KEYS:
        return f"did you mean {KEYS[key]}?"
    if own := _own_head(key, values):
        return f"{own} beside it gives the task options of its own"
    if key == ROOT and "data" in values and not any(name.startswith(ROOT) for name in values):
        return (
            f"data={values['data']} reads no folder; "
            "mtl inspect data.root=FOLDER says which data=NAME does"
        )
    return None


def _is_for_users(key: str) -> bool:
    """Whether somebody may write it: ``_target_`` and the like are the files' own."""
    hidden = any(part.startswith("_") for part in key.split("."))
    return not hidden and not key.startswith(PROPOSED)


def _other_members(
    key: str, values: Mapping[str, object], config_dir: Path | None
) -> Iterator[str]:
    """``encoder=mtan has reduction``: members of the group that have the key, or one like it."""
    group, _, option = key.partition(".")
    if not option or not isinstance(values.get(group), str) or group not in choices():
        return
    having: dict[str, list[str]] = {}
    for name in members(group, config_dir):
        with contextlib.suppress(yaml.YAMLError, ValueError, OmegaConfBaseException, UserError):
            for known in filter(_is_for_users, node_of(group, name, config_dir)):
                having.setdefault(known, []).append(f"{group}={name}")
    for near in [option] if option in having else nearest(option, having, 1, SURE):
        names = having[near][:MOST_MEMBERS]
        more = " and others" if len(having[near]) > MOST_MEMBERS else ""
        yield f"{', '.join(names)}{more} {'has' if len(having[near]) == 1 else 'have'} {near}"


def _own_head(key: str, values: Mapping[str, object]) -> str | None:
    """What makes a head for a task that has that of all the data's targets."""
    group, name, *_ = [*key.split("."), ""]
    shared = values.get("data.each")
    if group != "heads" or shared is None or f"data.targets.{name}" not in values:
        return None
    has_one = any(known.startswith(f"heads.{name}.") for known in values)
    return None if has_one else f"head@heads.{name}={shared}"
