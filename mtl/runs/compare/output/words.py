"""How numbers and columns are written, the same in all forms."""

import math
from dataclasses import dataclass

from mtl.runs.compare.comparison import Bounds, Cell, ComparedMetric, Comparison, Difference
from mtl.runs.compare.statistics.mean import LEVEL

BETTER, WORSE = "▲", "▼"
COST_HEADS = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "duration_s": "seconds",
    "images_per_second": "images/s",
    "peak_memory_mb": "memory",
}
TESTS = {"t": "t-test", "exact": "sign-flip test"}
GIGA = 1e9


@dataclass(frozen=True)
class Digits:
    """How a metric is written: shares with three decimals, changes in percent with one.

    The sign of percent stands once, behind the number and its interval (``in_full``).

    Args:
        metric: which.
        size: a typical value; decimals become fewer with large ones.
    """

    metric: ComparedMetric
    size: float

    def plain(self, value: float) -> str:
        """``0.344``."""
        return self._text(value, "")

    def signed(self, value: float) -> str:
        """``+0.052``; what three decimals can't tell from 0 as ``+1e-06``."""
        return self._text(value, "+")

    def in_full(self, text: str) -> str:
        """``+4.2 ± 1.1 %``, the same without the sign for what is no change."""
        return f"{text} %" if self.metric.percent else text

    def _text(self, value: float, sign: str) -> str:
        scaled = self._scaled(value)
        text = f"{scaled:{sign}.{self._decimals}f}"
        told = self.metric.percent or not scaled or float(text)
        return text if told else f"{scaled:{sign}.0e}"

    @property
    def _decimals(self) -> int:
        if self.metric.percent:
            return 1
        return max(0, 3 - int(math.log10(max(1.0, abs(self.size)))))

    def _scaled(self, value: float) -> float:
        return 100 * value if self.metric.percent else value


def cell_text(cell: Cell, metric: ComparedMetric) -> str:
    """``0.344 ± 0.014``; of one run ``0.344``, or ``0.344 (0.310 to 0.378)`` over images."""
    digits = Digits(metric, cell.mean)
    mean = digits.signed(cell.mean) if metric.percent else digits.plain(cell.mean)
    if cell.interval is not None:
        return digits.in_full(f"{mean} ± {digits.plain(half(cell.interval))}")
    if cell.over_images is not None:
        low, high = map(digits.plain, cell.over_images)
        return digits.in_full(f"{mean} ({low} to {high})")
    return digits.in_full(mean)


def difference_text(difference: Difference, metric: ComparedMetric) -> str:
    """``+0.052 ± 0.021``; of changes ``+4.2 ± 1.1 %``."""
    digits = Digits(metric, difference.mean)
    mean = digits.signed(difference.mean)
    if difference.interval is None:
        return digits.in_full(mean)
    return digits.in_full(f"{mean} ± {digits.plain(half(difference.interval))}")


def half(interval: Bounds) -> float:
    """Half the width of an interval around a mean."""
    low, high = interval
    return (high - low) / 2


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
    if any(cell.best for cell in cells):
        parts.append(f"{bold}: best")
    if any(d.adjusted is not None for row in comparison.rows for d in row.differences.values()):
        lines.append(
            f"{BETTER} better, {WORSE} worse than the reference: p < {LEVEL:g} by "
            f"{TESTS[comparison.test]} on pairs, after Holm's correction"
        )
    if any(metric.percent for metric in comparison.metrics):
        way = "more" if comparison.delta == "gain" else "less"
        lines.append(f"Δ: change against single-task networks, {way} is better")
    return ["; ".join(parts), *lines]
