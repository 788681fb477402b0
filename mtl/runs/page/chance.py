"""The level of chance: what a network reaches that ignores the images."""

from collections.abc import Sequence

from mtl.runs.chance import hardly_beats
from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.compare.output.words import Digits
from mtl.runs.page.data import PageData
from mtl.runs.page.labels import metric_title


def chance_of(data: PageData, metric: ComparedMetric) -> float | None:
    """The level of a metric; None where it isn't known, or the runs' images differ."""
    return data.comparison.chance.get(metric.name)


def hardly_above(data: PageData, metric: ComparedMetric) -> str:
    """A remark where no row gets a tenth of the way from chance to perfect; else empty."""
    level = chance_of(data, metric)
    means = [row.cells[metric.name].mean for row in data.rows if metric.name in row.cells]
    if level is None or not means or not hardly_beats(max(means), level):
        return ""
    plain = Digits(metric).plain
    return (
        f"All of them hardly leave chance: {plain(max(means))} at most, and {plain(level)} without "
        "a look at the images."
    )


def levels_in_words(data: PageData, metrics: Sequence[ComparedMetric]) -> str:
    """``Chance: classification accuracy 0.183, ...``; empty where none is known."""
    known = [(m, level) for m in metrics if (level := chance_of(data, m)) is not None]
    told = [f"{metric_title(m)} {Digits(m).plain(level)}" for m, level in known]
    return f"Chance, without a look at the images: {', '.join(told)}." if told else ""
