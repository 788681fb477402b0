"""One run folder to a record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtl.config.measures import measure_of
from mtl.errors import BadFile, UserError
from mtl.files import read_json
from mtl.runs.collection.plain_yaml import read_plain_yaml
from mtl.runs.collection.record import RunRecord

FILES = ("config.yaml", "results.json", "status.json")
"""Any of these makes a folder one in which a run was begun."""
OTHER_VERSION = "has a config.yaml of another version (mtl upgrade may help):"


def is_run(folder: Path) -> bool:
    """Whether a run was begun in a folder."""
    return any((folder / name).is_file() for name in FILES)


def read_run(folder: Path) -> RunRecord:
    """Everything that a comparison needs of a run, which may be a stranger's.

    Raises:
        BadFile: it is half written, of another version, or no run.
    """
    status = read_json(folder / "status.json")
    state = status.get("state")
    if not (folder / "config.yaml").is_file():
        if state == "failed":
            raise BadFile(folder, f"failed before it began: {status.get('error', '')}")
        raise BadFile(folder, "has no config.yaml")
    config = read_plain_yaml(folder / "config.yaml")
    _refuse_other_versions(folder, config)
    ended = state in (None, "finished")
    results = read_json(folder / "results.json") if ended else {}
    if ended and not results:
        raise BadFile(
            folder, "has no results.json" if state is None else "says finished without results.json"
        )
    metrics = results.get("metrics", {})
    if results and not (isinstance(metrics, dict) and all(map(_is_number, metrics.values()))):
        raise BadFile(folder / "results.json", "holds no metrics")
    return RunRecord(folder, config, results, status, read_json(folder / "environment.json"))


def _refuse_other_versions(folder: Path, config: Mapping[str, Any]) -> None:
    """See that what is asked of every record is there.

    Raises:
        BadFile: it isn't.
    """
    tasks, heads, seed = config.get("tasks"), config.get("heads"), config.get("seed")
    if not (isinstance(tasks, list) and tasks and isinstance(heads, dict)) or not all(
        _is_name(task) and _has_metrics(heads.get(task)) for task in tasks
    ):
        raise BadFile(folder, f"{OTHER_VERSION} no tasks with their heads")
    try:
        for task in tasks:
            measure_of(task, heads[task]["metrics"][0], heads[task])
    except UserError as error:
        raise BadFile(folder, f"{OTHER_VERSION} {error}") from error
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise BadFile(folder, "has a config.yaml without a seed")


def _has_metrics(head: object) -> bool:
    names = head.get("metrics") if isinstance(head, dict) else None
    return isinstance(names, list) and bool(names) and all(map(_is_name, names))


def _is_name(name: object) -> bool:
    """Text that can be shown: a stranger's must not steer the terminal."""
    return isinstance(name, str) and name.isprintable()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
