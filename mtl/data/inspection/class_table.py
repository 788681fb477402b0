"""How often each class of a target occurs, as a table."""

from collections.abc import Sequence

import numpy as np
from rich.markup import escape
from rich.table import Table

from mtl.data.inspection.statistics import SplitStatistics
from mtl.data.inspection.tally import Tally, spread

COMMONEST, RAREST = 10, 5
"""Classes that are shown of many."""


def says_more(name: str, found: Sequence[SplitStatistics]) -> bool:
    """Whether a target's table says more than how many samples have it; one class alone doesn't.

    Args:
        name: of the target.
        found: see ``class_table``.
    """
    tallies = [entry.tallies[name] for entry in found]
    kind = tallies[0].target.kind
    every_one = all(tally.counts.sum() == tally.samples for tally in tallies)
    more = any(tally.series or tally.ignored for tally in tallies)
    return more or not (kind.per_sample and len(tallies[0].target.classes) == 1 and every_one)


def class_table(name: str, found: Sequence[SplitStatistics]) -> Table:
    """A row for each class, or for the commonest and the rarest of many, and a column per split.

    Args:
        name: of the target.
        found: one entry per split, at least one, all of the same targets.
    """
    target = found[0].tallies[name].target
    tallies = [entry.tallies[name] for entry in found]
    title = f"{escape(name)}: {target.kind.counted} by class"
    if not target.classes:
        title = f"{escape(name)}: {target.kind}"
    table = Table(
        "class" if target.classes else "",
        title=title,
        title_justify="left",
        min_width=len(title),  # or the title would be broken
    )
    for entry in found:
        table.add_column(entry.split, justify="right")
    first, hidden, last = _shown(tallies)
    for index in first:
        end = not hidden and not last and index == first[-1]
        _add_class(table, tallies, index, end)
    if hidden:
        table.add_row(f"({len(hidden)} more)", *(_between(tally, hidden) for tally in tallies))
    for index in last:
        _add_class(table, tallies, index, index == last[-1])
    if not target.kind.per_sample and not target.kind.shares_alone:
        table.add_row("(in all)", *(str(tally.counts.sum()) for tally in tallies))
    if target.kind.uncounted and any(tally.ignored for tally in tallies):
        table.add_row(f"({target.kind.uncounted})", *(str(tally.ignored) for tally in tallies))
    of_hidden = {target.titles[index] for index in hidden}
    for what in dict.fromkeys(what for tally in tallies for what in tally.series):
        if what in of_hidden:
            continue
        spreads = (_range(spread(tally.series.get(what, ()))) for tally in tallies)
        table.add_row(f"({escape(what)}: min, median, max)", *spreads)
    return table


def _shown(tallies: Sequence[Tally]) -> tuple[list[int], list[int], list[int]]:
    """The classes before those that are only counted, these, and the ones after.

    All in their own order where they are few, else the commonest and the rarest.
    """
    number = len(tallies[0].target.classes)
    if number <= COMMONEST + RAREST + 1:
        return list(range(number)), [], []
    counts = np.sum([tally.counts for tally in tallies], axis=0)
    ordered = np.argsort(-counts, kind="stable").tolist()
    return ordered[:COMMONEST], ordered[COMMONEST:-RAREST], ordered[-RAREST:]


def _add_class(table: Table, tallies: Sequence[Tally], index: int, end_section: bool) -> None:
    cells = (_share(tally, index) for tally in tallies)
    table.add_row(escape(tallies[0].target.titles[index]), *cells, end_section=end_section)


def _share(tally: Tally, index: int) -> str:
    percent = f"{100 * tally.shares[index]:.1f} %"
    return percent if tally.target.kind.shares_alone else f"{tally.counts[index]} ({percent})"


def _between(tally: Tally, hidden: Sequence[int]) -> str:
    """What classes have that are not shown one by one: ``3 to 40``."""
    if tally.target.kind.shares_alone:
        shares = 100 * tally.shares[hidden]
        return f"{shares.min():.1f} to {shares.max():.1f} %"
    counts = tally.counts[hidden]
    return f"{counts.min()} to {counts.max()}"


def _range(values: tuple[float, float, float] | None) -> str:
    return "-" if values is None else ", ".join(f"{v:.4g}" for v in values)
