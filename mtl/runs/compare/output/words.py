"""How numbers and columns are written, the same in all forms."""

from dataclasses import dataclass

from mtl.config.nearest import listing
from mtl.runs.compare.comparison import Bounds, Cell, ComparedMetric, Comparison, Difference
from mtl.runs.compare.control import NO_SHARING
from mtl.runs.compare.statistics.mean import LEVEL
from mtl.words import counted

BETTER, WORSE = "▲", "▼"
BEST = f"best so far, may be chance without {BETTER}"
COST_HEADS = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "duration_s": "seconds",
    "images_per_second": "images/s",
    "peak_memory_mb": "memory",
}
TESTS = {"t": "t-test", "exact": "sign-flip test"}
GIGA = 1e9
EVEN = 1e-6
"""Share of its width by which an interval's middle may be off the mean through rounding."""


@dataclass(frozen=True)
class Digits:
    """How a metric is written, wherever it stands: always with the same decimals.

    Args:
        metric: which; changes are written in percent.
    """

    metric: ComparedMetric

    def plain(self, value: float) -> str:
        """``0.344``."""
        return f"{self.scaled(value):.{self.metric.decimals}f}"

    def signed(self, value: float) -> str:
        """``+0.052``."""
        return f"{self.scaled(value):+.{self.metric.decimals}f}"

    def told(self, value: float) -> str:
        """``+0.052``; what that would tell from 0 by nothing as ``+1e-06``."""
        text = self.signed(value)
        shown = self.metric.percent or not value or float(text)
        return text if shown else f"{value:+.1g}"

    def around(self, mean: str, value: float, interval: Bounds) -> str:
        """``+0.052 ± 0.021``, or ``+0.052 (+0.010 to +0.071)`` where the mean isn't the middle.

        Args:
            mean: in print.
            value: the mean.
            interval: of it.
        """
        low, high = interval
        if abs(low + high - 2 * value) <= EVEN * (high - low):
            return f"{mean} ± {self.plain((high - low) / 2)}"
        return f"{mean} ({self.signed(low)} to {self.signed(high)})"

    def scaled(self, value: float) -> float:
        """What is written: percent of a change."""
        return 100 * value if self.metric.percent else value


def cell_text(cell: Cell, metric: ComparedMetric) -> str:
    """``0.344 ± 0.014``; of one run ``0.344``, or ``0.344 (0.310 to 0.378)`` over images."""
    digits, sign = Digits(metric), " %" if metric.percent else ""
    text = mean_text(cell, metric).removesuffix(sign)
    if cell.interval is not None:
        text = digits.around(text, cell.mean, cell.interval)
    elif cell.over_images is not None:
        low, high = map(digits.plain, cell.over_images)
        text = f"{text} ({low} to {high})"
    return text + sign


def mean_text(cell: Cell, metric: ComparedMetric) -> str:
    """``0.344``, of changes ``+4.2 %``."""
    digits = Digits(metric)
    return f"{digits.signed(cell.mean)} %" if metric.percent else digits.plain(cell.mean)


def difference_text(difference: Difference, metric: ComparedMetric, percent: str = "points") -> str:
    """``+0.052 ± 0.021``; of what is in percent ``+4.2 ± 1.1 points``.

    Args:
        difference: with its interval, where it has one.
        metric: that differs.
        percent: the unit of what differs by so many percent; ``%`` for a change against 0.
    """
    digits = Digits(metric)
    text = digits.told(difference.mean)
    if difference.interval is not None:
        low, high = difference.interval
        if float(digits.plain((high - low) / 2)):
            # Beside such an interval more digits than its own would tell nothing.
            text = digits.signed(difference.mean)
        text = digits.around(text, difference.mean, difference.interval)
    return f"{text} {percent}" if metric.percent else text


def p_text(p: float | None) -> str:
    """Three decimals, ``<0.001`` below."""
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def effect_text(effect: float | None) -> str:
    """Two decimals, none for large ones."""
    if effect is None:
        return ""
    return f"{effect:+.{2 if abs(effect) < 100 else 0}f}".replace("inf", "∞")


def mark(difference: Difference | None) -> str:
    """Which way a row differs from the reference beyond chance; empty where it can't be told."""
    if difference is None:
        return ""
    return {"better": BETTER, "worse": WORSE}.get(difference.verdict, "")


def cost_text(name: str, value: float) -> str:
    """With its unit: ``0.37 M``, ``512 MB``."""
    if name in ("parameters", "multiply_adds"):
        return f"{value / GIGA:.2f} G" if value >= GIGA else f"{value / 1e6:.2f} M"
    return f"{value:.0f} MB" if name == "peak_memory_mb" else f"{value:.0f}"


def metric_head(metric: ComparedMetric) -> tuple[str, str]:
    """Two lines over a column: the task, and its metric with ``↓`` where less is better."""
    arrow = "" if metric.larger else " ↓"
    if metric.percent:
        return metric.task, f"{'Δ' if metric.task else 'Δm'}{arrow}"
    return metric.task, f"{metric.own}{arrow}"


def legend(comparison: Comparison, bold: str) -> list[str]:
    """What the table's marks mean, a sentence each.

    Args:
        comparison: shown in the table.
        bold: how the best of a column is marked.
    """
    splits = dict.fromkeys(metric.name.partition("/")[0] for metric in comparison.metrics)
    cells = [cell for row in comparison.rows for cell in row.cells.values()]
    parts, lines = [f"{' and '.join(splits)} split"], []
    if any(cell.interval is not None for cell in cells):
        parts.append(f"mean ± 95 % interval over {comparison.unit}s")
    if any(cell.interval is None and cell.over_images is not None for cell in cells):
        parts.append("in brackets the 95 % interval over the images")
    tested = tested_differences(comparison)
    if any(cell.best for cell in cells):
        parts.append(f"{bold}: {BEST}")
    if tested:
        held = "the task alone" if comparison.alone else "the reference"
        lines.append(
            f"{BETTER} better, {WORSE} worse than {held}: p < {LEVEL:g} by "
            f"{TESTS[comparison.test]} on pairs, after Holm's correction for "
            f"{counted(tested, 'comparison')}, as are the intervals of differences"
        )
    if any(metric.percent for metric in comparison.metrics):
        way = "more" if comparison.delta == "gain" else "less"
        lines.append(
            "Δm: mean over tasks of Δ, the mean relative change of a task's metrics against its "
            f"single-task network; {way} is better"
        )
    if controls := [row.name for row in comparison.rows if row.shares_nothing]:
        lines.append(f"{NO_SHARING}: {listing(controls)}")
    return ["; ".join(parts), *lines]


def tested_differences(comparison: Comparison) -> int:
    """How many differences from the reference Holm's correction was made for."""
    rows = comparison.rows
    return sum(d.adjusted is not None for row in rows for d in row.differences.values())
