"""The statistics for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mtl.data.batch import Broken
from mtl.data.inspection.class_table import class_table, says_more
from mtl.data.inspection.statistics import SplitStatistics
from mtl.words import agreeing, counted

MOST_IDS = 5
MOST_BROKEN = 50


def print_report(console: Console, found: Sequence[SplitStatistics]) -> None:
    """Print counts, class frequencies and what is missing.

    Args:
        console: where to.
        found: one entry per split, at least one, all of the same targets.
    """
    console.print(_samples(found))
    for name in found[0].tallies:
        if says_more(name, found):
            console.print(class_table(name, found))
    for entry in found:
        for name, tally in entry.tallies.items():
            if tally.missing:
                whole = tally.samples + len(tally.missing)
                console.print(
                    f"{len(tally.missing)} of {counted(whole, f'{entry.split} sample')} "
                    f"{agreeing(len(tally.missing), 'lacks', 'lack')} {escape(name)}: "
                    f"{escape(_some(tally.missing))}",
                    soft_wrap=True,
                )


def print_broken(console: Console, broken: Sequence[tuple[str, Broken]]) -> None:
    """Print which samples can't be read and why.

    Args:
        console: where to.
        broken: pairs of the split's name and the sample.
    """
    if not broken:
        return
    number = counted(len(broken), "broken sample")
    console.print(
        f"[bold yellow]Warning: {number}[/] (training stops at them, or goes on without them "
        "with data.on_error=skip):",
        soft_wrap=True,
    )
    lines = _grouped(broken)
    for line in lines[:MOST_BROKEN]:
        console.print(f"  {escape(line)}", soft_wrap=True)
    if len(lines) > MOST_BROKEN:
        console.print(f"  and {len(lines) - MOST_BROKEN} more")


def _grouped(broken: Sequence[tuple[str, Broken]]) -> list[str]:
    """A line for each sample, or one for many of a split that are broken in the same way."""
    groups: dict[tuple[str, str], list[Broken]] = {}
    for split, entry in broken:
        what = entry.reason.partition(": ")[2] or entry.reason
        groups.setdefault((split, what), []).append(entry)
    lines = []
    for (split, what), entries in groups.items():
        if len(entries) <= MOST_IDS:
            lines += [f"{split}: {entry.reason}" for entry in entries]
        else:
            files = [entry.reason.partition(": ")[0] for entry in entries]
            lines.append(f"{split}: {len(entries)} files: {what}: {_some(files)}")
    return lines


def _samples(found: Sequence[SplitStatistics]) -> Table:
    table = Table("split", title="samples, and how many have each target", title_justify="left")
    for column in ("samples", "looked at", "broken", *found[0].tallies):
        table.add_column(escape(column), justify="right")
    for entry in found:
        spread_out = entry.looked_at < entry.total
        counts = [tally.samples for tally in entry.tallies.values()]
        table.add_row(
            entry.split,
            str(entry.total),
            f"{entry.looked_at}, spread" if spread_out else "all",
            str(len(entry.broken)),
            *(str(number) for number in counts),
            end_section=entry is found[-1],
        )
    of_target = zip(*(e.tallies.values() for e in found), strict=True)
    table.add_row(
        "total",
        str(sum(entry.total for entry in found)),
        "",
        str(sum(len(entry.broken) for entry in found)),
        *(str(sum(tally.samples for tally in tallies)) for tallies in of_target),
    )
    return table


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:MOST_IDS]) + (", ..." if len(ids) > MOST_IDS else "")
