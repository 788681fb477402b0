"""Chance and the number of samples, below and in the tables of runs."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

from page_kit import write_full_sweep
from rich.console import Console

from mtl.cli.comparison_tables import show
from mtl.runs.chance import chance_lines, levels_of, read_levels
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.output.basis import at_chance, basis_lines
from mtl.runs.compare.output.json_file import as_values
from mtl.runs.compare.output.latex import as_latex
from mtl.runs.compare.output.markdown import as_markdown
from mtl.runs.page.data import page_data
from mtl.runs.page.parts import Sentences
from mtl.runs.page.sections.overview import overview
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


def test_compared_runs_say_what_their_numbers_rest_on(tmp_path: Path) -> None:
    """Boxes have no level; where chance is 0.7 no row is clearly beyond it."""
    sweep = write_full_sweep(tmp_path / "sweep", seeds=2)
    for seed, file in enumerate(sorted(sweep.glob("*/results.json"))):
        counts = {"test": {"classification": 22, "box": 20 + seed % 2}}
        file.write_text(json.dumps(json.loads(file.read_text()) | {"labelled": counts}))
    found = compare(find_runs([sweep]))
    assert found.chance == {"test/classification/accuracy": 0.5}
    lines = [
        "labelled test samples: classification 22, box 20 to 21",
        "chance, without a look at the images: classification accuracy 0.500",
    ]
    assert basis_lines(found) == lines
    assert at_chance(found) == []
    for file in sweep.glob("*/curves/test.json"):
        file.write_text(json.dumps({"classification": {"chance": {"accuracy": 0.7}}}))
    found = compare(find_runs([sweep]))
    best = max(row.cells["test/classification/accuracy"].mean for row in found.rows)
    warning = (
        f"no row clearly beats chance on classification (accuracy {best:.3f} at most, chance "
        "0.700): a difference or Δ between rows there means nothing"
    )
    assert at_chance(found) == [warning]
    assert f"{warning[0].upper()}{warning[1:]}." in as_markdown(found)
    assert f"% {warning}" in as_latex(found).replace(r"$\Delta$", "Δ")
    assert as_values(found)["chance"] == {"test/classification/accuracy": 0.7}
    out = io.StringIO()
    with redirect_stdout(out):
        show(found, whole=True)
    assert warning in out.getvalue()
    foot = overview(page_data(found)).parts[-1]
    assert isinstance(foot, Sentences)
    assert foot.lines == [
        "Chance, without a look at the images: classification accuracy 0.700.",
        f"L{lines[0][1:]}.",
        f"N{warning[1:]}.",
    ]
    (alone,) = at_chance(compare(find_runs([sorted(sweep.glob("*"))[0]])))
    assert alone.startswith("classification hardly leaves chance (accuracy 0.6")


def test_levels_that_differ_are_not_told(tmp_path: Path) -> None:
    sweep = write_full_sweep(tmp_path / "sweep", seeds=1)
    file = sorted(sweep.glob("*/curves/test.json"))[0]
    file.write_text(json.dumps({"classification": {"chance": {"accuracy": 0.7}}}))
    found = compare(find_runs([sweep]))
    assert found.chance == {}
    assert basis_lines(found) == []
