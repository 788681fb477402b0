"""The table that a sweep ends with."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mtl.cli.table import print_rows
from mtl.runs.baselines.percent import percent
from mtl.terminal import console, say

COLOURS = {
    "finished": "green",
    "failed": "bold red",
    "cut off": "red",
    "running": "cyan",
    "pruned": "dim",
    "waiting": "dim",
}
TELLING = ("failed", "cut off", "running", "finished", "pruned", "waiting")
"""States, those first that a reader looks for."""
MOST = 15
"""Jobs that anybody reads on a terminal."""
Entry = TypeVar("Entry")


def print_table(entries: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Name, state, score and gain of each job, where they lie, and who says why some failed."""
    head = ["job", "state", "score"]
    if any("gain" in entry for entry in entries):
        head.append("gain")
    told, rest = most_telling(entries, lambda entry: str(entry["state"]))
    rows = [_row(entry)[: len(head)] for entry in told]
    print_rows(rows, header=head, right=[2, 3], styles=COLOURS)
    tell_rest([str(entry["state"]) for entry in rest])
    say(f"sweep folder: {folder}")
    failed = [entry for entry in entries if entry["state"] == "failed"]
    if failed:
        say(f"{len(failed)} failed; why: mtl status sweep={folder}")


def most_telling(
    jobs: Sequence[Entry], state: Callable[[Entry], str]
) -> tuple[list[Entry], list[Entry]]:
    """On a terminal those of many jobs that have failed, run and so on; into a pipe all.

    Args:
        jobs: in the order of the plan.
        state: of each.

    Returns:
        These, and the others, in the same order.
    """
    if len(jobs) <= MOST + 1 or not console.is_terminal:
        return list(jobs), []

    def rank(place: int) -> int:
        found = state(jobs[place])
        return TELLING.index(found) if found in TELLING else 0

    ranked = sorted(range(len(jobs)), key=rank)
    told, rest = sorted(ranked[:MOST]), sorted(ranked[MOST:])
    return [jobs[place] for place in told], [jobs[place] for place in rest]


def tell_rest(states: Sequence[str]) -> None:
    """Count the jobs that are left out, if any.

    Args:
        states: of these.
    """
    if states:
        print(f"and {len(states)} more: {in_numbers(states)}; into a pipe (| less) all are told")


def in_numbers(states: Iterable[str]) -> str:
    """``3 finished, 1 failed``."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in COLOURS if counts[state])


def _row(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    score, gain = entry.get("score"), entry.get("gain")
    shown = "" if score is None else f"{score:.4f}"
    return entry["job"], entry["state"], shown, "" if gain is None else percent(gain)
