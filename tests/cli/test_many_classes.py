"""Of eighty classes a terminal gets some fifteen, and how many more there are."""

import io

import pytest
from rich.console import Console

from mtl.cli import calibrate
from mtl.model.calibration.base import FittedTask
from mtl.model.calibration.thresholds import ChosenThreshold
from mtl.runs.report import metrics_table
from mtl.words import some

NAMES = [f"class{number}" for number in range(80)]


def test_thresholds_of_those_with_most_support(capsys: pytest.CaptureFixture[str]) -> None:
    thresholds = [
        ChosenThreshold(name, 0.5, support, 0.5, 0.5, 0.5, 0.4, note="" if support else "none is")
        for support, name in enumerate(NAMES)
    ]
    calibrate._print_thresholds("detection", FittedTask(thresholds=thresholds))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:17]] == NAMES[79:64:-1]
    assert lines[17:] == [
        "and 65 classes with less support",
        "detection: class0 keeps 0.5: none is",
    ]


def test_a_note_on_many_classes_names_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    thresholds = [ChosenThreshold(n, 0.5, 0, None, None, None, None, "none is") for n in NAMES]
    calibrate._print_thresholds("detection", FittedTask(thresholds=thresholds))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"detection: {', '.join(NAMES[:10])} and 70 more keep 0.5: none is"


def test_metrics_by_class_are_counted_from_the_sixteenth_on() -> None:
    by_class = {f"test/detection/map_{name}": 0.5 for name in NAMES}
    metrics = {"test/detection/map": 0.5, "test/detection/recall": 0.25, **by_class, "test/loss": 1}
    out = io.StringIO()
    Console(file=out, width=80).print(metrics_table(metrics))
    _, *lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert [line.split()[0] for line in lines] == [
        *("detection/map", "detection/recall"),
        *(f"detection/map_{name}" for name in NAMES[:15]),
        *("detection/map_...:", "loss"),
    ]
    assert "detection/map_...: 65 more" in lines


@pytest.mark.parametrize(
    ("most", "said"),
    [(3, "a, b, c, d"), (2, "a, b and 2 more"), (10, "a, b, c, d")],
)
def test_some(most: int, said: str) -> None:
    assert some(["a", "b", "c", "d"], most) == said
