"""Nothing is drawn where a metric can't be: its head says what bounds it."""

import math
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import config, write_run, write_sweep
from matplotlib.figure import Figure

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.question import Question
from mtl.runs.page.data import page_data
from mtl.runs.page.parts import Chart
from mtl.runs.page.render import charts_of
from mtl.runs.page.sections.cost import ONLY_POSSIBLE, cost
from mtl.runs.page.sections.tasks import tasks
from mtl.runs.rotation import figure
from mtl.runs.rotation.curve import Curve

WIDE = {0: 0.02, 1: 0.9, 2: 0.98}
"""t(2) = 4.303 makes of their spread an interval from -0.7 to 1.9."""


@pytest.fixture
def data(tmp_path: Path):
    scores = {
        name: {
            seed: {"box/iou": value * sign % 1, "box/mae": 9 * value, "score": value}
            for seed, value in WIDE.items()
        }
        for name, sign in {"equal": 1, "pcgrad": -1}.items()
    }
    return page_data(compare(find_runs([write_sweep(tmp_path / "sweep", scores, tasks=("box",))])))


def chart_of(charts: list[Chart], title: str) -> Chart:
    return next(chart for chart in charts if chart.title == title)


def test_metrics_know_their_bounds(tmp_path: Path) -> None:
    metrics = {"box/iou": 0.5, "box/mae": 3.0, "score": 0.5, "loss": 1.0, "box/delta": 0.1}
    run = write_run(tmp_path / "run", config(0, tasks=("box",)), metrics)
    found = compare(find_runs([run]), Question(metrics=tuple(metrics))).metrics
    assert {metric.own: (metric.low, metric.high) for metric in found} == {
        "iou": (0, 1),
        "mae": (0, None),
        "score": (0, 1),
        "loss": (None, None),
        "delta": (None, None),
    }


def test_intervals_of_means_end_where_the_metric_does(data) -> None:
    bars = chart_of([*charts_of([tasks(data)])], "box: mean over the seeds").data["points"]
    of_iou = [place for place, name in enumerate(bars["m"]) if name == "test/box/iou"]
    assert [(bars["lo"][place], bars["hi"][place]) for place in of_iou] == [(0, 1), (0, 1)]
    # An error in pixels has no upper end.
    of_mae = [place for place, name in enumerate(bars["m"]) if name == "test/box/mae"]
    spread = 9 * np.std([*WIDE.values()], ddof=1) * 4.303 / math.sqrt(3)
    assert bars["lo"][of_mae[0]] == 0
    assert bars["hi"][of_mae[0]] == pytest.approx(9 * np.mean([*WIDE.values()]) + spread, rel=1e-3)


def test_intervals_of_differences_end_where_the_metric_does(data) -> None:
    title = "box: difference from equal"
    points = chart_of([*charts_of([tasks(data)])], title).data["points"]
    assert (points["lo"][0], points["hi"][0]) == (-1, 1)


def test_the_axis_of_quality_has_no_number_beyond_the_bounds(data) -> None:
    (chart,) = charts_of([cost(data)])
    bounds = next(param for param in chart.spec["params"] if param["name"] == "bounds")["value"]
    assert bounds["test/box/iou"] == [0, 1]
    axes = [layer["encoding"]["y"]["axis"] for layer in chart.spec["layer"]]
    for axis in axes:
        assert axis.items() >= ONLY_POSSIBLE.items()


@pytest.mark.parametrize(
    ("values", "limits"),
    [([0.5, 1.0], (0, 1)), ([0.2, 0.4], (0, 0.41)), ([-0.5, 0.9], (-0.5, 0.97))],
)
def test_the_curve_over_the_angle_ends_at_1(
    values: list[float], limits: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    canvas = np.zeros((1, 1, 3), np.uint8)
    monkeypatch.setattr(figure, "to_canvas", lambda made: [drawn.append(made), canvas][1])
    figure.draw(Curve([0.0, 90.0], {"box/iou": values}), {"box": "iou"})
    assert drawn[0].axes[0].get_ylim() == pytest.approx(limits)
