"""What rows are called, in few words."""

from collections.abc import Mapping, Sequence

from mtl.config.groups import choices

ALL = "all runs"
"""The row of runs that differ in nothing."""
LONGEST = 48
"""Characters of a setting that anybody reads."""


def printed_names(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Each row in few words, ``pcgrad every=10``; in full where these don't tell rows apart.

    Args:
        columns: what differs between the rows.
        rows: the settings of each that tell it from the others.
    """
    named = {*choices(), "experiment", "tasks"}
    leaves = [column.rpartition(".")[2] for column in columns]

    def part(column: str, text: str) -> str:
        leaf = column.rpartition(".")[2]
        if column == "tasks" and "+" not in text:
            # ``box`` is the task itself.
            return f"{shortened(text)} alone"
        if column in named:
            return shortened(text)
        return f"{leaf if leaves.count(leaf) == 1 else column}={shortened(text)}"

    names = [" ".join(part(column, text) for column, text in row.items()) or ALL for row in rows]
    return names if len(set(names)) == len(names) else [in_full(row) for row in rows]


def in_full(row: Mapping[str, str]) -> str:
    """``weighting=pcgrad weighting.every=10``; ``all runs`` where nothing differs."""
    return " ".join(f"{key}={text}" for key, text in row.items()) or ALL


def shortened(text: str) -> str:
    """A setting's text, cut where it is as long as a list of all classes."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
