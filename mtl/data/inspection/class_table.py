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


def alike(found: Sequence[SplitStatistics]) -> list[list[str]]:
    """The names of the targets, those together of which the same is told, as of boxes and masks.

    Args:
        found: see ``class_table``.
    """
    groups: dict[str, list[str]] = {}
    for name in found[0].tallies:
        tallies = [entry.tallies[name] for entry in found]
        kind = tallies[0].target.kind
        titles = tallies[0].target.titles
        what = (titles, kind.counted, kind.uncounted, kind.per_sample) if titles else str(kind)
        told = [(t.samples, t.counts.tolist(), t.ignored, _ranges(t)) for t in tallies]
        groups.setdefault(repr((what, told)), []).append(name)
    return list(groups.values())


def class_table(names: Sequence[str], found: Sequence[SplitStatistics]) -> Table:
    """A row for each class, or for the commonest and the rarest of many, and a column per split.

    Args:
        names: of targets of which the same is told.
        found: one entry per split, at least one, all of the same targets.
    """
    name = names[0]
    target = found[0].tallies[name].target
    tallies = [entry.tallies[name] for entry in found]
    whose = escape(", ".join(names))
    title = f"{whose}: {target.kind.counted} by class"
    if not target.classes:
        title = f"{whose}: {target.kind}"
    table = Table(
        "class" if target.classes else "",
        title=title,
        title_justify="left",
        min_width=len(title),  # or the title would be broken
    )
    for entry in found:
        table.add_column(entry.split, justify="right")
    first, hidden, last, never = _shown(tallies)
    for index in first:
        end = not (hidden or last or never) and index == first[-1]
        _add_class(table, tallies, index, end)
    if hidden:
        table.add_row(f"({len(hidden)} more)", *(_between(tally, hidden) for tally in tallies))
    for index in last:
        _add_class(table, tallies, index, index == last[-1] and not never)
    if never:
        none = (_between(tally, never) for tally in tallies)
        table.add_row(f"({len(never)} never)", *none, end_section=True)
    if not target.kind.per_sample and not target.kind.shares_alone:
        table.add_row("(in all)", *(str(tally.counts.sum()) for tally in tallies))
    if target.kind.uncounted and any(tally.ignored for tally in tallies):
        table.add_row(f"({target.kind.uncounted})", *(str(tally.ignored) for tally in tallies))
    of_hidden = {target.titles[index] for index in (*hidden, *never)}
    for what in dict.fromkeys(what for tally in tallies for what in tally.series):
        if what in of_hidden:
            continue
        spreads = (_range(spread(tally.series.get(what, ()))) for tally in tallies)
        table.add_row(f"({escape(what)}: min, median, max)", *spreads)
    return table


def _shown(tallies: Sequence[Tally]) -> tuple[list[int], list[int], list[int], list[int]]:
    """The classes before those that are only counted, these, the ones after, and what never occurs.

    All in their own order where they are few, else the commonest and the rarest.
    """
    number, most = len(tallies[0].target.classes), COMMONEST + RAREST
    if number <= most + 1:
        return list(range(number)), [], [], []
    counts = np.sum([tally.counts for tally in tallies], axis=0)
    ordered = np.argsort(-counts, kind="stable").tolist()
    there, never = ordered[: np.count_nonzero(counts)], ordered[np.count_nonzero(counts) :]
    if len(there) <= most + 1:
        return there, [], [], never
    return there[:COMMONEST], there[COMMONEST:-RAREST], there[-RAREST:], never


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
        return f"{shares.min():.1f} to {shares.max():.1f} %" if shares.any() else "0"
    counts = tally.counts[hidden]
    return f"{counts.min()} to {counts.max()}" if counts.any() else "0"


def _ranges(tally: Tally) -> dict[str, str]:
    return {what: _range(spread(values)) for what, values in tally.series.items()}


def _range(values: tuple[float, float, float] | None) -> str:
    return "-" if values is None else ", ".join(f"{v:.4g}" for v in values)
