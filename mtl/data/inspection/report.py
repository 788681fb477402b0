"""The statistics for people."""

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mtl.data.batch import Broken
from mtl.data.inspection.class_table import alike, class_table, says_more
from mtl.data.inspection.statistics import SplitStatistics
from mtl.data.inspection.tally import Tally
from mtl.data.sources.together import set_of
from mtl.terminal import in_width
from mtl.words import agreeing, counted

MOST_IDS = 5
FEW_IDS = 3
"""Of samples that lack a target, as many do."""
MOST_BROKEN = 50


def print_report(
    console: Console, found: Sequence[SplitStatistics], sets: Collection[str] = ()
) -> None:
    """Print counts, class frequencies and what is missing.

    Args:
        console: where to.
        found: one entry per split, at least one, all of the same targets.
        sets: names of the sets that are mixed, if any.
    """
    console.print(_samples(found))
    for names in alike(found):
        if says_more(names[0], found):
            console.print(class_table(names, found))
    for entry in found:
        for name, tally in entry.tallies.items():
            print_line(console, _lacking(entry.split, name, tally, sets))


def print_line(console: Console, text: str) -> None:
    """Print prose as it is, its lines ended between words on a terminal; nothing of nothing."""
    if text:
        shown = in_width(text, console.width) if console.is_terminal else text
        console.print(shown, markup=False, soft_wrap=True)


def _lacking(split: str, name: str, tally: Tally, sets: Collection[str]) -> str:
    """Which samples lack a target; nothing where none does that could have it."""
    own = name.partition(".")[0]
    missing, whole, of = tally.missing, tally.samples + len(tally.missing), ""
    if own in sets:
        # No sample of another set can have it.
        missing = [sample for sample in missing if set_of(sample) == own]
        whole, of = tally.samples + len(missing), f" of {own}"
    if not missing:
        return ""
    return (
        f"{len(missing)} of {counted(whole, f'{split} sample')}{of} "
        f"{agreeing(len(missing), 'lacks', 'lack')} {name}: {_some(missing, FEW_IDS)}"
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
        print_line(console, f"  {line}")
    if len(lines) > MOST_BROKEN:
        console.print(f"  and {len(lines) - MOST_BROKEN} more")


def _grouped(broken: Sequence[tuple[str, Broken]]) -> list[str]:
    """A line for each sample, or one for many of a split that are broken in the same way."""
    groups: dict[tuple[str, str], list[Broken]] = {}
    for split, entry in broken:
        # What follows differs from file to file, such as the nearest name.
        what = (entry.reason.partition(": ")[2] or entry.reason).partition("; the nearest ")[0]
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
    title = "samples, and how many have each target"
    table = Table(title=title, title_justify="left", min_width=len(title))
    columns = {
        "split": [*(str(entry.split) for entry in found), "total"],
        "samples": _summed([entry.total for entry in found]),
    }
    # Where all is well these two would take the room of others.
    if any(entry.looked_at < entry.total for entry in found):
        columns["looked at"] = [*map(_looked_at, found), ""]
    if any(entry.broken for entry in found):
        columns["broken"] = _summed([len(entry.broken) for entry in found])
    for name in found[0].tallies:
        columns[name] = _summed([entry.tallies[name].samples for entry in found])
    for name in columns:
        table.add_column(escape(name), justify="left" if name == "split" else "right")
    *rows, total = zip(*columns.values(), strict=True)
    for row in rows:
        table.add_row(*row, end_section=row is rows[-1])
    table.add_row(*total)
    return table


def _summed(numbers: Sequence[int]) -> list[str]:
    return [*map(str, numbers), str(sum(numbers))]


def _looked_at(entry: SplitStatistics) -> str:
    return f"{entry.looked_at}, spread" if entry.looked_at < entry.total else "all"


def _some(ids: Sequence[str], most: int = MOST_IDS) -> str:
    return ", ".join(ids[:most]) + (", ..." if len(ids) > most else "")
