"""What differs between the runs, and what all have in common."""

from collections.abc import Iterator, Mapping
from typing import Any

from mtl.runs.compare.following import following
from mtl.runs.compare.member_names import MemberNames
from mtl.runs.page.data import PageData
from mtl.runs.page.parts import (
    Folded,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    Sentences,
)

NOT_SHOWN = ("seed", "name")
"""Keys that tell runs of a row apart."""


def configuration(data: PageData) -> PageSection:
    """A table of all keys that differ, and one of those that don't.

    What follows from another key goes without saying where that one differs.
    """
    flat = {row.place: dict(leaves(row.evidence[0].run.config)) for row in data.rows}
    names = MemberNames()
    derived = frozenset.intersection(
        *(following(row.evidence[0].run.config, names) for row in data.rows)
    )
    keys = dict.fromkeys(key for leaf in flat.values() for key in leaf)
    varying = [key for key in keys if len({leaf.get(key) for leaf in flat.values()}) > 1]
    differing = [
        key
        for key in varying
        if key not in (*NOT_SHOWN, *derived) and _differs_where_it_is(data, flat, key)
    ]
    parts: list[PagePart] = []
    if differing:
        header = [PageColumn("key"), *(PageColumn(row.label) for row in data.rows)]
        rows = [
            [
                PageCell(key, code=True),
                *(PageCell(flat[row.place].get(key, ""), code=True) for row in data.rows),
            ]
            for key in differing
        ]
        parts.append(PageTable("differing", "Settings that differ", header, rows))
    elif len(data.rows) > 1:
        parts.append(Sentences(["The configurations differ in nothing but seed and name."]))
    first = flat[data.rows[0].place]
    same = [
        [PageCell(key, code=True), PageCell(first[key], code=True)]
        for key in first
        if key not in varying
    ]
    columns = [PageColumn("key"), PageColumn("value")]
    table = PageTable("same", "Settings that all runs have in common", columns, same)
    parts.append(Folded(f"All other settings ({len(same)})", [table]))
    return PageSection("configuration", "Configuration", parts)


def _differs_where_it_is(data: PageData, flat: Mapping[int, Mapping[str, str]], key: str) -> bool:
    """Whether rows with a key differ in it, for keys of a task that some rows lack.

    That they lack the task is told by ``tasks``.
    """
    for task in data.main:
        if key.startswith(f"heads.{task}."):
            having = [r.place for r in data.rows if task in r.evidence[0].run.tasks]
            return len({flat[place].get(key) for place in having}) > 1
    return True


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys with their values as text."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "null" if value is None else str(value)
