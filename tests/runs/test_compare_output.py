"""The files that a comparison is written to."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up_runs import config, write_run, write_sweep

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.comparison import ComparedMetric, Comparison, Difference
from mtl.runs.compare.output.csv_file import as_csv
from mtl.runs.compare.output.files import write
from mtl.runs.compare.output.json_file import as_values
from mtl.runs.compare.output.latex import as_latex, escaped
from mtl.runs.compare.output.markdown import as_markdown
from mtl.runs.compare.output.words import (
    Digits,
    cost_text,
    difference_text,
    effect_text,
    p_text,
)
from mtl.runs.compare.question import Question


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Two weightings, of which one is better for sure; a failed job."""
    scores = {
        "equal": {seed: {"box/iou": 0.5 + seed / 100} for seed in range(3)},
        "pcgrad": {seed: {"box/iou": 0.6 + seed / 90} for seed in range(3)},
    }
    sweep = write_sweep(tmp_path / "sweep", scores)
    write_run(sweep / "bad", config(9), None, state="failed", error="a_b | c\x1b[2J")
    return compare(find_runs([sweep]))


def test_csv_has_a_line_per_row(comparison):
    first, second = csv.DictReader(io.StringIO(as_csv(comparison)))
    assert (first["weighting"], first["seeds"]) == ("equal", "0+1+2")
    assert first["parameters"] == "370000.0"
    assert float(first["test/box/iou mean"]) == pytest.approx(0.51)
    assert first["test/box/iou p"] == ""
    found = comparison.rows[1].differences["test/box/iou"]
    assert float(second["test/box/iou difference"]) == found.mean
    assert float(second["test/box/iou p_holm"]) == found.adjusted
    assert second["test/box/iou pairs"] == "3"


def test_json_holds_everything(comparison):
    values = json.loads(json.dumps(as_values(comparison), allow_nan=False))
    assert values["reference"] == "weighting=equal"
    row = values["rows"][1]
    assert row["settings"] == {"weighting": "pcgrad"}
    assert row["metrics"]["test/box/iou"]["values"]["2"] == pytest.approx(0.6 + 2 / 90)
    assert row["differences"]["test/box/iou"]["verdict"] == "better"
    assert len(row["runs"]) == 3
    assert row["sentence"] == "better on box"


def test_markdown(comparison):
    lines = as_markdown(comparison).splitlines()
    assert lines[:4] == [
        "| weighting | seeds | box iou | parameters | seconds |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| `equal` | 3 | 0.510 ± 0.025 | 0.37 M | 100 |",
        "| `pcgrad` | 3 | **0.611 ± 0.028** ▲ | 0.37 M | 101 |",
    ]
    assert "Differences to `equal`:" in lines
    assert "- `pcgrad`: better on box." in lines
    assert lines[-1].endswith("bad failed (a\\_b \\| c?[2J)")


def test_latex(comparison):
    lines = as_latex(comparison).splitlines()
    assert lines[0] == r"% needs \usepackage{booktabs}"
    assert lines[3:] == [
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        r" &  & box &  &  \\",
        r"weighting & seeds & iou & parameters & seconds \\",
        r"\midrule",
        r"equal & 3 & 0.510 $\pm$ 0.025 & 0.37 M & 100 \\",
        r"pcgrad & 3 & \textbf{\boldmath 0.611 $\pm$ 0.028}$^{+}$ & 0.37 M & 101 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert escaped("a_b & 5 % \\x") == r"a\_b \& 5 \% \textbackslash{}x"


def test_all_files_are_written(comparison, tmp_path):
    files = write(comparison, tmp_path / "new/folder")
    assert [file.name for file in files] == [
        "comparison.csv",
        "comparison.json",
        "comparison.md",
        "comparison.tex",
    ]
    assert all(file.is_file() for file in files)


def test_numbers_in_words(tmp_path):
    """Every number of a metric has the same decimals, which its largest value decides."""
    for value, plain in (
        (0.34449, "0.344"),
        (23.4449, "23.44"),
        (2345.4, "2345"),
        (0.0123, "0.0123"),
    ):
        run = write_run(tmp_path / plain, config(0), {"box/mae": value})
        (metric,) = compare(find_runs([run]), Question(metrics=("box/mae",))).metrics
        assert Digits(metric).plain(value) == plain
    share = ComparedMetric("test/box/mae", "box", "mae", larger=False)
    assert (Digits(share).told(1.4e-6), Digits(share).told(0.0)) == ("+1e-06", "+0.000")
    assert Digits(share).signed(1.4e-6) == "+0.000"
    change = ComparedMetric("test/delta_m", "", "delta_m", larger=True, percent=True, decimals=1)
    assert Digits(change).signed(0.0559) == "+5.6"
    assert Digits(change).told(1e-6) == "+0.0"
    assert (p_text(0.0004), p_text(0.0496), p_text(None)) == ("<0.001", "0.050", "")
    assert (effect_text(2.0), effect_text(float("-inf"))) == ("+2.00", "-∞")
    assert cost_text("parameters", 370_000) == "0.37 M"
    assert cost_text("multiply_adds", 4.1e9) == "4.10 G"
    assert cost_text("peak_memory_mb", 511.6) == "512 MB"


def test_an_infinite_effect_has_no_number_in_json(comparison):
    found: Difference = comparison.rows[1].differences["test/box/iou"]
    assert as_values(comparison)["rows"][1]["differences"]["test/box/iou"]["effect"] == found.effect


def test_a_difference_has_no_more_digits_than_its_interval(comparison):
    box = replace(comparison.metrics[0], decimals=3)
    found = replace(
        comparison.rows[1].differences["test/box/iou"], mean=0.0002, interval=(-0.0128, 0.0132)
    )
    assert difference_text(found, box) == "+0.000 ± 0.013"
    assert difference_text(replace(found, interval=(0.0001, 0.0003)), box) == "+0.0002 ± 0.000"
    assert difference_text(replace(found, interval=None), box) == "+0.0002"


def test_differences_of_percents_are_points(comparison):
    change = ComparedMetric("test/delta_m", "", "delta_m", larger=True, percent=True, decimals=1)
    found = replace(
        comparison.rows[1].differences["test/box/iou"], mean=0.05, interval=(0.02, 0.08)
    )
    assert difference_text(found, change) == "+5.0 ± 3.0 points"
    assert difference_text(found, change, "%") == "+5.0 ± 3.0 %"
    # The ends of an exact test's interval needn't be as far from the mean.
    assert difference_text(replace(found, interval=(0.01, 0.06)), change) == (
        "+5.0 (+1.0 to +6.0) points"
    )
