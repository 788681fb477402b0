"""Short names and numbers for people."""

from collections.abc import Mapping

from mtl.runs.compare.comparison import Bounds, ComparedMetric, Comparison

COSTS = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "duration_s": "training seconds",
    "images_per_second": "images per second",
    "peak_memory_mb": "peak memory, MB",
    "data_wait": "share of time spent waiting for data",
}
MORE_IS_BETTER = ("images_per_second",)
"""Of the costs."""


def short_labels(comparison: Comparison) -> list[str]:
    """A name for each row: the values of what differs, without what says itself."""
    if sum(len(row.runs) for row in comparison.rows) == 1:
        return ["this run"]
    short = [_short(row.telling) for row in comparison.rows]
    if len(set(short)) == len(short):
        return short
    return [row.label for row in comparison.rows]


def _short(telling: Mapping[str, str]) -> str:
    parts = []
    for key, text in telling.items():
        # A group's choice says what it is (``resnet18``), a number doesn't (``lr=0.001``).
        plain = "." not in key and not text.replace(".", "").replace("-", "").isdigit()
        parts.append(text if plain else f"{key.rpartition('.')[2]}={text}")
    return ", ".join(parts) or "all runs"


def cost_name(cost: str) -> str:
    """What a cost of results.json is called on the page."""
    return COSTS.get(cost, cost.replace("_", " "))


def amount(value: float) -> str:
    """A cost: four digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def measured(value: float, percent: bool = False, sign: bool = False) -> str:
    """A metric, three decimals or more where it is small; a change in percent with one."""
    plus = "+" if sign else ""
    if percent:
        return f"{100 * value:{plus}.1f} %"
    if value and abs(value) < 0.001:
        return f"{value:{plus}.2g}"
    return f"{value:{plus}.3f}" if abs(value) < 100 else f"{value:{plus},.1f}"


def half_width(interval: Bounds | None) -> float | None:
    """Of a symmetric interval."""
    return None if interval is None else (interval[1] - interval[0]) / 2


def with_interval(
    mean: float, interval: Bounds | None, percent: bool = False, sign: bool = False
) -> str:
    """``0.344 ± 0.014``; of changes ``+4.2 ± 1.1 %``."""
    text, half = measured(mean, percent, sign), half_width(interval)
    return text if half is None else f"{text.removesuffix(' %')} ± {measured(half, percent)}"


def metric_title(metric: ComparedMetric) -> str:
    """``box iou``; what changes against single tasks are is said."""
    if metric.percent:
        whose = f"{metric.task}: change" if metric.task else "mean change"
        return f"{whose} against single-task networks"
    return f"{metric.task} {metric.own}".strip().replace("_", " ")


def way(metric: ComparedMetric) -> str:
    """Which way is better."""
    return "more is better" if metric.larger else "less is better"
