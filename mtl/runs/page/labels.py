"""Short names and numbers for people."""

from mtl.runs.compare.comparison import ComparedMetric

COSTS = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "duration_s": "training seconds",
    "images_per_second": "images per second",
    "peak_memory_mb": "peak memory",
    "data_wait": "share of time spent waiting for data",
}
MORE_IS_BETTER = ("images_per_second",)
"""Of the costs."""


def cost_name(cost: str) -> str:
    """What a cost of results.json is called on the page."""
    return COSTS.get(cost, cost.replace("_", " "))


def amount(value: float) -> str:
    """A count: four digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def measured(value: float, sign: bool = False) -> str:
    """A number that is no metric of the table: three decimals, or more where it is small."""
    plus = "+" if sign else ""
    if value and abs(value) < 0.001:
        return f"{value:{plus}.2g}"
    return f"{value:{plus}.3f}" if abs(value) < 100 else f"{value:{plus},.1f}"


def metric_title(metric: ComparedMetric) -> str:
    """``box iou``; what changes against single tasks are is said."""
    if metric.percent:
        whose = f"{metric.task}: change" if metric.task else "mean change"
        return f"{whose} against single-task networks"
    return f"{metric.task} {metric.own}".strip().replace("_", " ")


def in_unit(metric: ComparedMetric) -> str:
    """The title with the unit that charts have."""
    return f"{metric_title(metric)}, %" if metric.percent else metric_title(metric)


def own_name(metric: ComparedMetric) -> str:
    """``balanced accuracy``, where it is clear whose."""
    return metric.own.replace("_", " ")


def way(metric: ComparedMetric) -> str:
    """Which way is better."""
    return "more is better" if metric.larger else "less is better"
