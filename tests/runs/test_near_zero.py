"""Baselines near 0, where a relative change says little, and who says so."""

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import config, write_run

from mtl.config.measures import Measure
from mtl.runs.baselines.gain import gain
from mtl.runs.baselines.near_zero import ruled_line, ruling
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare

SHARE, PIXELS = Measure(True, 0.0, 1.0), Measure(False, 0.0, float("inf"))
MEASURES = {"label": {"accuracy": SHARE}, "box": {"map": SHARE, "mae": PIXELS}}


def ruled(together: dict[str, float], alone: dict[str, float]) -> dict[str, float]:
    """Of values by ``task/metric``."""
    both = []
    for values in (together, alone):
        by_task: dict[str, dict[str, float]] = {"label": {}, "box": {}}
        for name, value in values.items():
            task, _, metric = name.partition("/")
            by_task[task][metric] = value
        both.append(by_task)
    return ruling(gain(*both, MEASURES), *both, MEASURES)


def test_a_metric_near_0_rules_the_gain() -> None:
    """+100 % of one of two metrics of one of two tasks: 0.25; accuracy has 0.0125, mae 0.025."""
    alone = {"label/accuracy": 0.8, "box/map": 0.01, "box/mae": 4.0}
    together = {"label/accuracy": 0.82, "box/map": 0.02, "box/mae": 3.6}
    assert ruled(together, alone) == pytest.approx({"box/map": 0.25})


@pytest.mark.parametrize(
    ("alone", "together", "metric"),
    [
        # Near 0, but the label's +50 % is the larger part.
        ({"label/accuracy": 0.4, "box/map": 0.01}, {"label/accuracy": 0.6, "box/map": 0.011}, None),
        # The larger part, but not near 0.
        ({"label/accuracy": 0.4, "box/map": 0.1}, {"label/accuracy": 0.41, "box/map": 0.2}, None),
        # Of what has no end, the larger of the two values is the range.
        ({"label/accuracy": 0.4, "box/mae": 0.1}, {"label/accuracy": 0.41, "box/mae": 4.0}, "mae"),
        ({"label/accuracy": 0.4, "box/mae": 4.0}, {"label/accuracy": 0.41, "box/mae": 0.1}, None),
        # The task has no change, so there is no gain.
        ({"label/accuracy": 0.4}, {"label/accuracy": 0.41, "box/map": 0.2}, None),
        # Nothing has changed.
        ({"label/accuracy": 0.4, "box/map": 0.01}, {"label/accuracy": 0.4, "box/map": 0.01}, None),
    ],
)
def test_when_it_does_not(
    alone: dict[str, float], together: dict[str, float], metric: str | None
) -> None:
    assert [*ruled(together, alone)] == ([f"box/{metric}"] if metric else [])


def test_several_rule_it_together() -> None:
    """map and recall have 0.1 each, the label 0.15: neither is half of all, both are more."""
    measures = {"label": {"accuracy": SHARE}, "box": dict.fromkeys(("map", "f1", "recall"), SHARE)}
    alone = {"label": {"accuracy": 0.5}, "box": {"map": 0.01, "f1": 0.5, "recall": 0.02}}
    both = {"label": {"accuracy": 0.65}, "box": {"map": 0.016, "f1": 0.5, "recall": 0.032}}
    found = ruling(gain(both, alone, measures), both, alone, measures)
    assert found == pytest.approx({"box/map": 0.1, "box/recall": 0.1})


def test_in_words() -> None:
    assert ruled_line("test/box/map", 0.01, 0.25, 0.288) == (
        "test/box/map is 0.01 alone, so near to 0 that any change is large: +25.0 % of the gain's "
        "+28.8 % come from it; look at its own values"
    )


def entry(**changes: Any) -> dict[str, Any]:
    name = "test/box/iou"
    return {"delta_m": 0.3, "alone": {name: 0.01}, "ruled_by": {name: 0.25}, **changes}


def test_what_is_so_of_several_rows_is_said_once(tmp_path: Path) -> None:
    for number, rate in enumerate((0.1, 0.2, 0.3, 0.4)):
        own = entry(alone={"test/box/iou": 0.01 + 0.01 * number})
        gain = own if number < 2 else {"delta_m": None, "left_out": {"box/iou": "0 alone"}}
        write_run(
            tmp_path / str(number),
            config(0, lr=rate),
            {"box/iou": 0.5},
            started=str(number),
            gain=gain,
        )
    assert compare(find_runs([tmp_path])).notes == (
        "lr=0.3, lr=0.4: no Δm (box/iou: 0 alone)",
        "test/box/iou is 0.01 to 0.02 alone, so near to 0 that any change is large: it rules the "
        "gain of lr=0.1, lr=0.2; look at its own values",
    )


def test_one_value_of_several_rows_is_no_range(tmp_path: Path) -> None:
    for number, rate in enumerate((0.1, 0.2)):
        values = config(0, lr=rate)
        write_run(tmp_path / str(number), values, {"box/iou": 0.5}, gain=entry())
    (note,) = compare(find_runs([tmp_path])).notes
    assert " is 0.01 alone, so near to 0 that any change is large: it rules the gain of " in note


def test_a_comparison_says_so(tmp_path: Path) -> None:
    """The means of the runs in which it is so; what a stranger wrote instead is passed over."""
    gains: list[Any] = [
        entry(),
        entry(delta_m=0.4, ruled_by={"test/box/iou": 0.35}),
        entry(ruled_by={}),
        entry(ruled_by=["test/box/iou"]),
        entry(ruled_by={"test/box/iou": "much"}, alone="much"),
        "much",
        {"delta_m": None, "left_out": {"box/iou": "0 alone\x1b"}},
    ]
    for seed, own in enumerate(gains):
        write_run(tmp_path / str(seed), config(seed), {"box/iou": 0.5}, gain=own)
    assert compare(find_runs([tmp_path])).notes == (
        "all runs (1 of 7 runs): no Δm (box/iou: 0 alone?)",
        f"all runs (2 of 7 runs): {ruled_line('test/box/iou', 0.01, 0.3, 0.35)}",
    )
