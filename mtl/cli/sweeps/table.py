"""The table that a sweep ends with."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl.cli.table import print_rows
from mtl.runs.baselines.percent import percent

COLOURS = {
    "finished": "green",
    "failed": "bold red",
    "cut off": "red",
    "running": "cyan",
    "pruned": "dim",
    "waiting": "dim",
}


def print_table(entries: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Name, state, score and gain of each job, where they lie, and who says why some failed."""
    head = ["job", "state", "score"]
    if any("gain" in entry for entry in entries):
        head.append("gain")
    rows = [_row(entry)[: len(head)] for entry in entries]
    print_rows(rows, header=head, right=[2, 3], styles=COLOURS)
    print(f"sweep folder: {folder}", flush=True)
    failed = [entry for entry in entries if entry["state"] == "failed"]
    if failed:
        print(f"{len(failed)} failed; why: mtl status sweep={folder}", flush=True)


def in_numbers(states: Iterable[str]) -> str:
    """``3 finished, 1 failed``."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in COLOURS if counts[state])


def _row(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    score, gain = entry.get("score"), entry.get("gain")
    shown = "" if score is None else f"{score:.4f}"
    return entry["job"], entry["state"], shown, "" if gain is None else percent(gain)
