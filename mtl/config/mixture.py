"""Data sets inside a data set (``data=mixed``, ``joined``): their keys, and what they can label."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl.config.data_keys import FOR_ALL_SETS
from mtl.config.nearest import in_words, listing, unknown
from mtl.errors import UserError

SETS = "sets"
FOR_ALL = ("suggested", "each", *FOR_ALL_SETS)
"""Keys of a data set's yaml that count for the whole alone."""
JOINED = "splits_of"
"""A key of data sets whose samples are joined, picture by picture."""
ALIKE = ("engine", "angles")
"""Options of augmentation that can't differ between sets."""


def write_out_sets(data: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A data node whose ``targets`` are those of its sets, and the sets less what isn't theirs.

    Args:
        data: may have ``sets``, each a whole node of a data set.
        defaults: what the yaml files have there.

    Raises:
        UserError: no set, a set that is none, an option of a set that is one for all, or what
            ``merge`` and ``shares`` name is not there.
    """
    if SETS not in data:
        return dict(data)
    if "merge" not in data:
        raise UserError(f"data@data.{SETS}.NAME= needs data=mixed or data=joined")
    # Samples of which some sets' targets were left out at random would be no longer joined.
    keys = (*FOR_ALL, "limit") if JOINED in data else FOR_ALL
    sets: dict[str, dict[str, Any]] = {}
    for name, node in data[SETS].items():
        where = f"data.{SETS}.{name}"
        if not isinstance(node, dict) or "_target_" not in node:
            raise UserError(f"{where}: is no data set; write data@{where}=voc_folder")
        _refuse_for_all(where, node, defaults.get(SETS, {}).get(name, {}), keys)
        sets[name] = {key: value for key, value in node.items() if key not in keys}
    if not sets:
        member = "joined" if JOINED in data else "mixed"
        raise UserError(
            f"data={member} has no sets yet: write data@data.sets.NAME=voc_folder for each"
        )
    own = {f"{name}.{t}": kind for name, node in sets.items() for t, kind in _targets(node)}
    targets = _merged(own, data["merge"] or {})
    if JOINED in data:
        if data[JOINED] is not None:
            _need_set(f"data.{JOINED}", data[JOINED], sets)
    else:
        _check_drawing(data, sets)
    return {**data, SETS: sets, "targets": targets}


def _check_drawing(data: Mapping[str, Any], sets: Mapping[str, Any]) -> None:
    _check_shares(data["shares"] or {}, sets)
    if data.get("balance") is not None and data["batches"] == "apart":
        raise UserError(
            "data.balance: draws samples of all sets for a step; write data.batches=mixed"
        )
    for name in data["only"] or []:
        _need_set("data.only", name, sets)


def nested(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A data node and those of its sets, by what stands before their keys: ``data.sets.cells``."""
    sets = data.get(SETS) or {}
    return {"data": data} | {f"data.{SETS}.{name}": node for name, node in sets.items()}


def sets_of_tasks(
    data: Mapping[str, Any], heads: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """The tasks whose samples come from several sets, each with these.

    Args:
        data: as ``write_out_sets`` gives it.
        heads: of the chosen tasks, with their targets.
    """
    # A joined sample is of no single set.
    merge: Mapping[str, list[str]] = {} if JOINED in data else data.get("merge") or {}
    sets = {
        task: list(dict.fromkeys(part.partition(".")[0] for part in merge.get(head["target"], ())))
        for task, head in heads.items()
    }
    return {task: names for task, names in sets.items() if len(names) > 1}


def _targets(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    return list((node.get("targets") or {}).items())


def _refuse_for_all(
    where: str, node: Mapping[str, Any], default: Mapping[str, Any], keys: Sequence[str]
) -> None:
    for key in keys:
        if key in node and node[key] != default.get(key, node[key]):
            raise UserError(f"{where}.{key}: is one for all sets; write data.{key}=")


def _merged(own: Mapping[str, str], merge: object) -> dict[str, str]:
    """Target to kind, after some became one."""
    targets = dict(own)
    if not isinstance(merge, dict):
        raise UserError(f"data.merge={in_words(merge)}: write {{NAME: [a.boxes, b.boxes]}}")
    for name, parts in merge.items():
        where = f"data.merge.{name}"
        if not isinstance(parts, list) or len(parts) < 2:
            raise UserError(
                f"{where}={in_words(parts)}: write a list of targets: [a.boxes,b.boxes]"
            )
        for part in parts:
            if part not in targets:
                raise UserError(f"{where}: {unknown('target', str(part), targets)}")
            targets.pop(part)
        kinds = {own[part] for part in parts}
        if len(kinds) > 1:
            said = listing(f"{part} ({own[part]})" for part in parts)
            raise UserError(f"{where}: is of several kinds: {said}")
        if name in targets:
            raise UserError(f"{where}: there is such a target; choose another name")
    return targets | {name: own[parts[0]] for name, parts in merge.items()}


def _check_shares(shares: object, sets: Mapping[str, Any]) -> None:
    if not isinstance(shares, dict):
        raise UserError(
            f"data.shares={in_words(shares)}: write a number for each set, {{a: 3, b: 1}}"
        )
    for name, share in shares.items():
        _need_set("data.shares", name, sets)
        if isinstance(share, bool) or not isinstance(share, int | float) or not share >= 0:
            raise UserError(f"data.shares.{name}={in_words(share)}: must be a number, 0 or more")
    if shares and (missing := [name for name in sets if name not in shares]):
        raise UserError(f"data.shares: has no number for {listing(missing)}")
    if shares and not sum(shares.values()):
        raise UserError("data.shares: all of them are 0")


def _need_set(where: str, name: object, sets: Mapping[str, Any]) -> None:
    if name not in sets:
        raise UserError(f"{where}: {unknown('set', str(name), sets)}")


def augmentations_of(data: Mapping[str, Any], augmentation: Mapping[str, Any]) -> dict[str, Any]:
    """The augmentation nodes of the sets that have one of their own.

    Args:
        data: as ``write_out_sets`` gives it.
        augmentation: of the others.

    Raises:
        UserError: there is no such set or option, or it is one for all sets.
    """
    given = data.get("augmentations") or {}
    if not isinstance(given, dict):
        raise UserError(f"data.augmentations={in_words(given)}: write {{SET: {{rotate: 180}}}}")
    found = {}
    for name, changes in given.items():
        where = f"data.augmentations.{name}"
        _need_set("data.augmentations", name, data[SETS])
        if not isinstance(changes, dict):
            raise UserError(f"{where}={in_words(changes)}: write {{rotate: 180}}")
        for key in changes:
            if key not in augmentation or key == "_target_":
                raise UserError(f"{where}: {unknown('option', str(key), augmentation)}")
            if key in ALIKE:
                raise UserError(f"{where}.{key}: is one for all sets; write augmentation.{key}=")
        found[name] = {**augmentation, **changes}
    return found
