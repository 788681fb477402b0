"""The multi-task gain, worked out by hand and as published."""

import math

import pytest

from mtl.config.measures import Measure
from mtl.runs.baselines.gain import gain, relative_change

SHARE, PIXELS = Measure(True, 0.0, 1.0), Measure(False, 0.0, math.inf)
MEASURES = {"label": {"accuracy": SHARE}, "box": {"iou": SHARE, "mae": PIXELS}}


def test_metrics_of_both_directions() -> None:
    found = gain(
        {"label": {"accuracy": 0.88}, "box": {"iou": 0.45, "mae": 8.0}},
        {"label": {"accuracy": 0.8}, "box": {"iou": 0.5, "mae": 10.0}},
        MEASURES,
    )
    assert found.changes["label"] == pytest.approx({"accuracy": 0.1})
    assert found.changes["box"] == pytest.approx({"iou": -0.1, "mae": 0.2})
    assert found.tasks == pytest.approx({"label": 0.1, "box": 0.05})
    assert found.delta_m() == pytest.approx(0.075)
    assert found.delta_m(over="metrics") == pytest.approx(0.2 / 3)
    assert found.drop() == pytest.approx(-0.075)
    assert found.left_out == {}


NYUV2 = {
    "segmentation": {"miou": (38.30, 39.29, True), "pixel_accuracy": (63.76, 65.33, True)},
    "depth": {"abs_err": (0.6754, 0.5493, False), "rel_err": (0.2780, 0.2263, False)},
    "normals": {
        "mean_angle": (25.01, 28.15, False),
        "median_angle": (19.21, 23.96, False),
        "within_11": (30.14, 22.09, True),
        "within_22": (57.20, 47.50, True),
        "within_30": (69.15, 61.08, True),
    },
}
"""Single tasks, linear scalarisation, and whether more is better (as in Navon et al., 2022)."""


def column(number: int) -> dict[str, dict[str, float]]:
    return {task: {m: row[number] for m, row in rows.items()} for task, rows in NYUV2.items()}


def test_published_gain_on_nyuv2() -> None:
    """+5.59 % in the paper, where less is better and every metric counts alike."""
    measures = {
        task: {m: Measure(larger, 0.0, math.inf) for m, (_, _, larger) in rows.items()}
        for task, rows in NYUV2.items()
    }
    found = gain(column(1), column(0), measures)
    drop = found.drop(over="metrics")
    assert drop is not None
    assert round(100 * drop, 2) == 5.59
    # Two metrics, two and five: every task counts alike here.
    shares = {task: round(100 * change, 2) for task, change in found.tasks.items()}
    assert shares == {"segmentation": 2.52, "depth": 18.63, "normals": -18.52}
    assert found.delta_m() == pytest.approx(0.0088, abs=5e-5)


@pytest.mark.parametrize(
    ("together", "alone", "reason"),
    [
        (0.5, 0.0, "0 alone, of which nothing is a share"),
        (0.5, math.nan, "the value of the task alone is nan"),
        (math.inf, 0.5, "the run's value is inf"),
        (0.5, None, "the task alone has no value"),
        (None, 0.5, "the run has no value"),
        (1.0, 1e-310, "1e-310 alone is too near to 0 to take a share of"),
    ],
)
def test_what_has_no_change_is_left_out(
    together: float | None, alone: float | None, reason: str
) -> None:
    values = [
        {"box": {"iou": value, "mae": 2.0} if value is not None else {"mae": 2.0}}
        for value in (together, alone)
    ]
    found = gain(*values, {"box": MEASURES["box"]})
    assert found.changes == {"box": {"mae": 0.0}}
    assert found.left_out == {"box/iou": reason}
    assert found.delta_m() == 0.0


def test_no_mean_of_fewer_tasks() -> None:
    alone = {"box": {"iou": 0.5, "mae": 4.0}}
    found = gain({"label": {"accuracy": 0.9}, "box": {"iou": 0.6, "mae": 4.0}}, alone, MEASURES)
    assert found.tasks == pytest.approx({"box": 0.1})
    assert found.left_out == {"label/accuracy": "the task alone has no value"}
    assert found.delta_m() is None
    assert found.delta_m(over="metrics") is None
    assert found.drop() is None


def test_a_share_below_0_counts_as_0() -> None:
    """An R² of -5 is as useless as 0; nothing is a share of it either."""
    own = {"age": {"r2": Measure(True, -math.inf, 1.0)}}
    worse = gain({"age": {"r2": -5.0}}, {"age": {"r2": 0.5}}, own)
    assert worse.changes == {"age": {"r2": -1.0}}
    better = gain({"age": {"r2": 0.5}}, {"age": {"r2": -5.0}}, own)
    assert better.left_out == {"age/r2": "0 alone, of which nothing is a share"}


def test_a_negative_value_alone_does_not_turn_the_sign() -> None:
    assert relative_change(0.5, -0.5, larger=True) == 2.0
    assert relative_change(-1.0, -0.5, larger=True) == -1.0
    assert relative_change(-1.0, -0.5, larger=False) == 1.0
