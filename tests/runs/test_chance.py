"""Chance and the number of samples, below and in the tables of a single run."""

import io
import json
from pathlib import Path

from rich.console import Console

from mtl.runs.chance import chance_lines, levels_of, read_levels
from mtl.runs.report import metrics_table

LEVELS = {"kind": {"accuracy": 0.2, "auroc": 0.5}, "map": {"miou": 0.116}}
MAIN = {"kind": "accuracy", "map": "miou", "box": "iou"}


def test_levels_and_who_hardly_leaves_them() -> None:
    """0.28 is the end of the first tenth from 0.2 to 1; boxes have no level."""
    metrics = {"test/kind/accuracy": 0.182, "test/map/miou": 0.4, "test/box/iou": 0.1}
    assert chance_lines(metrics, LEVELS, MAIN, "test") == [
        "chance, without a look at the images: kind accuracy 0.200, map miou 0.116",
        "kind hardly leaves chance (accuracy 0.182, chance 0.200): differences at this level mean "
        "nothing",
    ]
    above = chance_lines(metrics | {"test/kind/accuracy": 0.281}, LEVELS, MAIN, "test")
    assert len(above) == 1
    assert len(chance_lines(metrics | {"test/kind/accuracy": 0.279}, LEVELS, MAIN, "test")) == 2
    assert chance_lines(metrics, LEVELS, MAIN, "val") == []
    assert chance_lines(metrics, {}, MAIN, "test") == []


def test_levels_in_files(tmp_path: Path) -> None:
    assert read_levels(tmp_path) == {}
    (tmp_path / "curves").mkdir()
    file = tmp_path / "curves/test.json"
    file.write_text("{")
    assert read_levels(tmp_path) == {}
    file.write_text(json.dumps({"a": {"chance": {"accuracy": 0.5, "auroc": None}}, "b": 3}))
    assert read_levels(tmp_path) == {"a": {"accuracy": 0.5}}
    assert levels_of([1]) == {}


def test_numbers_of_samples_stand_in_the_table() -> None:
    metrics = {"val/kind/accuracy": 0.5, "test/kind/accuracy": 0.182, "test/box/iou": 0.4}
    labelled = {"val": {"kind": 21}, "test": {"kind": 22, "box": 19}}
    out = io.StringIO()
    Console(file=out, width=80).print(metrics_table(metrics, labelled))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [
        ["metric", "val", "test"],
        ["kind/accuracy", "0.5000", "0.1820"],
        ["box/iou", "0.4000"],
        ["kind/n", "21", "22"],
        ["box/n", "19"],
    ]
