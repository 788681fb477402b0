"""A curve as a picture."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from mtl.drawing.chart import to_canvas
from mtl.runs.rotation.curve import Curve


def draw(curve: Curve, main: dict[str, str]) -> npt.NDArray[np.uint8]:
    """Main metrics of all tasks over the angle, and the features' errors below.

    Args:
        curve: as measured.
        main: task to the name of its main metric.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    figure = Figure(figsize=(7, 5.5), dpi=110, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    order = np.argsort(curve.angles)
    x = np.array(curve.angles)[order]
    shown: list[float] = []
    for task, metric in main.items():
        values = curve.metrics.get(f"{task}/{metric}")
        if values is not None:
            named = f"{task} {metric}"
            shown += values
            upper.plot(x, np.array(values)[order], marker=".", label=named, clip_on=False)
        if task in curve.errors:
            lower.plot(x, np.array(curve.errors[task])[order], marker=".", label=task)
    upper.set_ylabel("metric")
    lower.set_ylabel("equivariance error")
    lower.set_xlabel("images turned by (degrees)")
    lower.set_xticks(np.arange(0, 361, 45) if x.min() >= 0 else np.arange(-180, 181, 45))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    lower.set_ylim(bottom=0)
    # Main metrics are shares, which end at 1; one that explains less than nothing (r2) is below 0.
    upper.set_ylim(np.nanmin([0.0, *shown]), min(1.0, upper.get_ylim()[1]))
    # Below the curves, which may be anywhere.
    figure.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return to_canvas(figure)
