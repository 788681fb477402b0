"""A task by which several data sets can be looked at before anybody has chosen any."""

from collections.abc import Sequence
from pathlib import Path

from mtl.config.groups import members
from mtl.config.member_files import node_of
from mtl.config.overrides import key_of

SET = "data@data.sets."


def with_first_task(overrides: Sequence[str], config_dir: Path | None) -> list[str]:
    """The overrides with the first task that one of their data sets proposes.

    What a set labels is known from its files alone; a configuration needs a task before. Overrides
    that choose tasks, or no data sets, stay as they are.

    Args:
        overrides: of the command line.
        config_dir: a user's folder of further members.
    """
    sets = [o.partition("=")[::2] for o in overrides if o.startswith(SET)]
    if not sets or any(key_of(override) == "tasks" for override in overrides):
        return list(overrides)
    merges = [override for override in overrides if override.startswith("data.merge")]
    merged: list[str] = []
    known, heads = members("data", config_dir), members("head", config_dir)
    for key, member in sets:
        node = node_of("data", member, config_dir) if member in known else {}
        for task in (node.get("suggested") or {}).get("tasks") or ():
            kind = node_of("head", task, config_dir).get("kind") if task in heads else None
            for target, its in (node.get("targets") or {}).items():
                path = f"{key.removeprefix(SET)}.{target}"
                if its != kind:
                    continue
                if any(path in merge for merge in merges):
                    merged.append(f"tasks=[{task}]")
                else:
                    return [*overrides, f"tasks=[{task}]", f"heads.{task}.target={path}"]
    # What all sets have was merged to one, which a task finds by its kind.
    return [*overrides, *merged[:1]]
