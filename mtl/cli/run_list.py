"""What ``run=`` and ``runs=[...]`` mean."""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl.cli.named_runs import items
from mtl.cli.own_keys import needed
from mtl.errors import UserError


def one_or_several(own: Mapping[str, str], others: Sequence[str] = ()) -> None:
    """See that a command was told one run or several.

    Args:
        own: its own keys.
        others: its other arguments, one of which may be a misspelt one.

    Raises:
        UserError: neither ``run=`` nor ``runs=`` is there, or both are.
    """
    if bool(own.get("run")) == bool(own.get("runs")):
        if own.get("run"):
            raise UserError("run= is one run and runs=[...] are several: write one of them")
        example = "run=outputs/runs/NAME/TIME, or runs=[A,B] for several"
        raise needed("run", example, others, ("run", "runs"))


def run_list(given: str) -> list[Path]:
    """The folders of several runs, in the order given, those of a glob by name.

    Args:
        given: as written behind ``runs=``: folders or globs, separated by commas, in brackets. A
            glob finds only folders in which a run was begun.

    Raises:
        UserError: a glob finds none, or a folder is there twice.
    """
    found: list[Path] = []
    for text in items(given):
        found += _matches(text) if glob.has_magic(text) else [Path(text).expanduser()]
    for folder in found:
        if found.count(folder) > 1:
            raise UserError(f"runs={given}: {folder} is there twice")
    return found


def _matches(pattern: str) -> list[Path]:
    matches = glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207 - absolute patterns too
    runs = sorted(path for path in map(Path, matches) if (path / "config.yaml").is_file())
    if not runs:
        raise UserError(f"runs={pattern}: no run's folder matches")
    return runs
