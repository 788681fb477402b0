"""What a measurement hands back, how it is written, and the table of all."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

Better = Literal["lower", "higher"]
FIGURES = 4
"""Significant figures that are kept; the measurements are worse than that."""


@dataclass(frozen=True)
class Entry:
    """One measurement.

    Args:
        ratio: what was measured, relative to what it is held against.
        goal: of the ratio; None where it is only reported.
        better: which side of the goal is good.
        what: one line for people.
        raw: the numbers behind the ratio.
    """

    ratio: float
    goal: float | None
    better: Better
    what: str
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the ratio is as good as its goal, if it has one."""
        if self.goal is None:
            return True
        return self.ratio <= self.goal if self.better == "lower" else self.ratio >= self.goal


def paired(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    goal: float | None,
    better: Better,
    what: str,
    unit: str,
    **raw: Any,
) -> Entry:
    """The median ratio of measurements that were taken side by side.

    Args:
        ours: one number per round.
        theirs: likewise, of what it is held against.
        goal: of the ratio.
        better: which side of the goal is good.
        what: one line for people.
        unit: of the numbers.
        raw: more to keep.
    """
    pairs = list(zip(ours, theirs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    kept = {
        "unit": unit,
        "median": rounded(statistics.median(ours)),
        "median_baseline": rounded(statistics.median(theirs)),
        "pairs": [[rounded(a), rounded(b)] for a, b in pairs],
        **raw,
    }
    return Entry(rounded(ratio), goal, better, what, kept)


def rounded(value: float) -> float:
    """A number without digits that mean nothing."""
    return float(f"{value:.{FIGURES}g}")


def read(path: Path) -> dict[str, Entry]:
    """What was written before; nothing where there is no file."""
    content = json.loads(path.read_text()) if path.exists() else {}
    return {name: Entry(**entry) for name, entry in content.items()}


def write(entries: Mapping[str, Entry], path: Path) -> None:
    """Write all entries, whole or not at all.

    Args:
        entries: by name.
        path: of the JSON file.
    """
    part = path.with_suffix(".part")
    content = {name: asdict(entry) for name, entry in entries.items()}
    with part.open("w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def table(entries: Mapping[str, Entry]) -> Table:
    """One row per entry; those that miss their goal are marked."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("measurement", "ratio", "goal", "", "what"):
        made.add_column(column, justify="right" if column in ("ratio", "goal") else "left")
    for name, entry in entries.items():
        goal, mark = "", Text("")
        if entry.goal is not None:
            goal = f"{'≤' if entry.better == 'lower' else '≥'} {entry.goal:g}"
            mark = Text("met", "green") if entry.met else Text("MISSED", "bold red")
        made.add_row(name, f"{entry.ratio:.4g}", goal, mark, Text(entry.what))
    return made


def verdict(entries: Mapping[str, Entry]) -> str:
    """One line that says how many miss."""
    missing = [name for name, entry in entries.items() if not entry.met]
    if not missing:
        return f"all {len(entries)} goals are met"
    return f"{len(missing)} of {len(entries)} miss their goal: {', '.join(missing)}"
