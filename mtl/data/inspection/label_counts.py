"""How many samples of a split are labelled for each target."""

from dataclasses import dataclass

from mtl.data.inspection.looked import Looked, tells_cheaply
from mtl.data.inspection.statistics import SplitStatistics, count, evenly
from mtl.data.sources.base import ArraySource, Split

MOST_OPENED = 200
"""Samples of a validation or test split that are looked at where that means opening files."""


@dataclass(frozen=True)
class LabelCounts:
    """Labelled samples by target.

    Args:
        counts: target name to number.
        exact: whether all samples were looked at, or the numbers are put up from some of them.
    """

    counts: dict[str, int]
    exact: bool


def label_counts(looked: Looked, split: Split) -> LabelCounts | None:
    """Count a split's labelled samples; None where that would take decoding images.

    Broken samples count as not labelled.

    Args:
        looked: the data.
        split: one that there is.
    """
    source = looked.sources[split]
    if isinstance(source, ArraySource):
        columns = {name: source.targets.get(name) for name in looked.targets}
        return LabelCounts(
            {
                name: 0 if column is None else int(source.meaning[name].kind.has(column).sum())
                for name, column in columns.items()
            },
            exact=True,
        )
    found = looked.train if split == "train" else _counted(looked, split)
    if found is None:
        return None
    seen = found.looked_at
    labelled = {n: seen - len(found.broken) - len(t.missing) for n, t in found.tallies.items()}
    counts = {name: round(number / seen * found.total) for name, number in labelled.items()}
    return LabelCounts(counts, exact=seen == found.total)


def _counted(looked: Looked, split: Split) -> SplitStatistics | None:
    source = looked.sources[split]
    if not tells_cheaply(source):
        return None
    rows = evenly(len(source), MOST_OPENED)
    return count(split, source, looked.targets, rows, opened=False)
