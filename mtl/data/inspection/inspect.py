"""The whole of ``mtl inspect``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mtl.data.inspection.draw import draw_targets
from mtl.data.inspection.report import print_broken, print_line, print_report
from mtl.data.inspection.samples import augmented
from mtl.data.inspection.statistics import SplitStatistics, count, looked_at
from mtl.data.inspection.written import write_counts
from mtl.data.loading.module import MultiTaskData
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.mixed import Mixed
from mtl.drawing.grid import grid
from mtl.drawing.marks import Canvas
from mtl.drawing.pixels import LEAST_SIDE
from mtl.drawing.write import write_png
from mtl.files import printable
from mtl.words import counted


def inspect(
    data: MultiTaskData, split: Split, samples: int, out: Path, console: Console
) -> list[SplitStatistics]:
    """Count what all splits hold, say where it comes from, and draw augmented samples of one.

    What is said is short where there are many classes; ``NAME_counts.json`` has it all.

    Broken samples are listed and left out.

    Args:
        data: the data module; nothing of it needs to have been read.
        split: which samples are drawn.
        samples: how many, 1 or more.
        out: the picture, ``.png``.
        console: where tables and warnings go.

    Returns:
        The counts of each split.

    Raises:
        UserError: files are missing, or the data set has no such split.
    """
    # Building a cache would take longer than looking at a few samples.
    data.cache = False
    data.prepare_data()
    data.required(split)
    found = statistics(data, console)
    sets = data.data_set.sets if isinstance(data.data_set, Mixed) else ()
    print_report(console, found, sets)
    print_lines(console, "where it comes from", data.data_set.decided())
    print_lines(console, "how it was taken", data.data_set.notes())
    drawn = augmented(data, split, samples)
    # What both ways of looking found is listed once; two samples may be of one broken file.
    broken = {(split, b.id): (split, b) for b in drawn.broken}
    broken |= {(entry.split, b.id): (entry.split, b) for entry in found for b in entry.broken}
    print_broken(console, list(broken.values()))
    if not drawn.samples:
        console.print(f"No {split} sample can be read, so there is no picture.")
        _say_where(console, "all counts", write_counts(found, out))
        return found
    write_png(out, picture(drawn.samples, data.targets))
    number = counted(len(drawn.samples), f"{split} sample")
    _say_where(console, f"{number} drawn", out)
    _say_where(console, "all counts", write_counts(found, out))
    return found


def _say_where(console: Console, what: str, path: Path) -> None:
    console.print(f"{what}: {path}", soft_wrap=True, markup=False)


def print_lines(console: Console, title: str, lines: Sequence[str]) -> None:
    """Print lines under a title; nothing where there are none."""
    if lines:
        console.print(f"[bold]{title}[/]")
    for line in lines:
        print_line(console, f"  {printable(line)}")


def statistics(data: MultiTaskData, console: Console) -> list[SplitStatistics]:
    """The statistics of every split that there is, over the samples as they are on disk."""
    found = []
    for split in SPLITS:
        source = data.files(split)
        if source is None:
            continue
        indices = track(
            looked_at(source),
            f"reading {split}",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        found.append(count(split, source, data.targets, indices))
    return found


def picture(samples: Sequence[Sample], targets: Mapping[str, Target]) -> Canvas:
    """A grid of samples with their targets; small images are enlarged, so captions can be read.

    Args:
        samples: at least one, all of one size.
        targets: what they can be labelled with.
    """
    factor = max(1, -(-LEAST_SIDE // min(samples[0].image.shape[:2])))
    return grid([draw_targets(sample, targets, factor) for sample in samples])
