"""The page as text: what it says, and that nothing of a folder's texts becomes more than text."""

import json
import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
from page_kit import write_full_run, write_full_sweep

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.page.chance import hardly_above
from mtl.runs.page.data import page_data
from mtl.runs.page.library import chart_library
from mtl.runs.page.lines import lines_at_first
from mtl.runs.page.parts import Chart, OneOf, PageTable, SideBySide
from mtl.runs.page.render import charts_of, script_text
from mtl.runs.page.scale import scale
from mtl.runs.page.sections.reproduce import in_common
from mtl.runs.page.write import page, sections_of

HOSTILE = ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_full_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def data(sweep):
    return page_data(compare(find_runs([sweep])))


def section(data, name):
    return next(found for found in sections_of(data) if found.name == name)


def verdicts(data):
    """The answer's cards by title."""
    (cards,) = (p for p in section(data, "answer").parts if isinstance(p, SideBySide))
    return {card.title: card for card in cards.parts}


def test_answer_comes_first_and_says_it(data):
    first = sections_of(data)[0]
    assert first.name == "answer"
    box = verdicts(data)["box: iou (more is better)"]
    assert box.tone == "better"
    number = r"\+0\.0\d\d"
    told = rf"Better than equal: {number} iou with cagrad \({number} to {number}, p = 0\.\d+\)\."
    assert re.fullmatch(told, box.headline)
    assert box.parts[0].columns[-1].title == "against equal"
    lines = {row[0].text: row[-1] for row in box.parts[0].rows}
    assert list(lines) == ["cagrad", "equal", "pcgrad"]
    assert lines["equal"].text == "what is compared with"
    assert lines["pcgrad"].tone == "worse"
    assert re.fullmatch(r"-0\.03\d ± 0\.0\d\d; worse", lines["pcgrad"].text)


def test_single_seeds_settle_nothing(tmp_path):
    sweep = write_full_sweep(tmp_path, seeds=1)
    box = verdicts(page_data(compare(find_runs([sweep]))))["box: iou (more is better)"]
    assert box.tone == "unsure"
    assert box.headline.endswith("iou with cagrad is not to be told from chance with 1 seed.")
    assert box.parts[0].rows[0][-1].text.endswith("; too few to tell")


def test_gain_over_single_tasks_is_told(tmp_path):
    sweep = write_full_sweep(tmp_path)
    for number, file in enumerate(sorted(sweep.glob("*/results.json"))):
        results = json.loads(file.read_text())
        # Cagrad's runs come first, then those of equal.
        gain, own = (0.04 + 0.001 * number, 0.02) if number < 3 else (-0.01, -0.005)
        results["metrics"] |= {"test/delta_m": gain, "test/box/delta": 2.0}
        results["gain"] = {"metrics": {"test/box/iou": own + 0.001 * number, "test/box/mae": 9.0}}
        file.write_text(json.dumps(results))
    _, box, change = verdicts(page_data(compare(find_runs([sweep])))).values()
    assert change.title == "All tasks: mean change against single-task networks (more is better)"
    told = r"Better than equal: \+5\.1 points with cagrad \(\+4\.\d to \+5\.\d, p = [\d.e-]+\)\."
    assert re.fullmatch(told, change.headline)
    assert [row[1].text for row in change.parts[0].rows] == ["+4.1 %", "-1.0 %", "-1.0 %"]
    assert change.parts[0].columns[1].note == (
        "mean over tasks of each task's mean over its metrics"
    )
    assert box.parts[0].columns[2].title == "against a network for this task alone"
    assert box.parts[0].columns[2].note == "relative change, iou only"
    # Of this metric, not of all metrics of the task: 0.020, 0.021, 0.022.
    assert box.parts[0].rows[0][2].text == "+2.1 %"


def test_one_run_has_a_page_of_its_own(tmp_path):
    run = write_full_run(tmp_path / "run", "equal", 0)
    data = page_data(compare(find_runs([run])))
    first = section(data, "answer")
    assert first.title == "The result"
    value = data.evidence[0].run.metrics["test/classification/accuracy"]
    card = verdicts(data)["classification: accuracy (more is better)"]
    assert card.headline == f"{value:.3f}"
    assert "The run equal0" in page(compare(find_runs([run])), "")
    # What it cost is told, not drawn as one dot.
    (table,) = section(data, "cost").parts
    assert isinstance(table, PageTable)
    assert table.rows[0][0].text == "this run"


def test_what_is_missing_of_commands_is_said(tmp_path):
    """The words that all known commands share; of one run nothing is added to its own."""
    assert in_common([["mtl", "train", "a=1", "seed=0"], ["mtl", "train", "seed=1", "a=1"]]) == [
        *("mtl", "train", "a=1")
    ]
    sweep = write_full_sweep(tmp_path, seeds=1)
    logs = sorted(sweep.glob("*/app.log"))
    logs[0].unlink()
    logs[1].write_text("[INFO] mtl train name='x\n")
    _, common, _, table, *_ = section(page_data(compare(find_runs([sweep]))), "reproduce").parts
    assert [row[1].text for row in table.rows] == [
        "'name='\"'\"'x'",
        "weighting=pcgrad seed=0",
        "not in app.log",
    ]
    assert common.text == "mtl train"
    for file in sweep.glob("*/environment.json"):
        file.unlink()
    found = section(page_data(compare(find_runs([sweep]))), "reproduce").parts
    assert any("The commit of the code isn't known." in getattr(p, "lines", [""])[0] for p in found)


def test_the_scale_of_the_trainings_is_said(tmp_path):
    sweep = write_full_sweep(tmp_path, seeds=2)
    for number, file in enumerate(sorted(sweep.glob("*/results.json"))):
        results = json.loads(file.read_text()) | {"epochs": 6 + number % 2}
        file.write_text(json.dumps(results))
        config = file.parent / "config.yaml"
        config.write_text(config.read_text() + "batch_size: 16\nimage_size: 32\n")
    rest = "32 x 32 pixels · backbone small_cnn · 0.37 M parameters"
    # Runs that don't know what they were trained on, whatever their data was asked for.
    assert scale(page_data(compare(find_runs([sweep])))) == (
        f"6 to 7 epochs · 30 steps of 16 images · {rest}"
    )
    for file in sweep.glob("*/results.json"):
        results = json.loads(file.read_text()) | {"epochs": 1, "training_samples": 32}
        file.write_text(json.dumps(results))
    assert scale(page_data(compare(find_runs([sweep])))) == (
        f"1 epoch · 30 steps of 16 images · 32 training images · {rest}"
    )


def test_one_of_a_kind_is_said_in_the_singular(tmp_path):
    run = write_full_run(tmp_path / "run", "equal", 0, epochs=1, training_samples=1)
    (run / "config.yaml").write_text((run / "config.yaml").read_text() + "batch_size: 1\n")
    (run / "metrics.csv").write_text("step,metric,value\n1,train/loss,0.5\n")
    assert scale(page_data(compare(find_runs([run])))).startswith(
        "1 epoch · 1 step of 1 image · 1 training image · backbone small_cnn"
    )


def test_few_lines_are_drawn_at_first(data):
    assert lines_at_first(data) == {0, 1, 2}
    rows = [
        replace(data.rows[0], place=place, cells=data.rows[place % 3].cells) for place in range(9)
    ]
    many = replace(data, rows=rows)
    # The reference, and the best on each task; the third has the best cells.
    assert lines_at_first(many) == {0, 2, 5, 8}


def test_chance_is_told_and_drawn(data):
    """As the runs' curves have it: 0.5 in accuracy, which 0.6 to 0.68 are beyond."""
    foot = section(data, "table").parts[-1].lines[0]
    assert foot == "Chance, without a look at the images: classification accuracy 0.500."
    (bars,) = (
        c for c in charts_of(sections_of(data)) if c.title.startswith("classification: mean")
    )
    assert bars.data["chance"] == {"m": ["test/classification/accuracy"], "x": [0.5]}
    accuracy = next(m for m in data.metrics if m.own == "accuracy")
    assert hardly_above(data, accuracy) == ""
    rows = [
        replace(row, cells={accuracy.name: replace(row.cells[accuracy.name], mean=0.549)})
        for row in data.rows
    ]
    assert hardly_above(replace(data, rows=rows), accuracy) == (
        "All of them hardly leave chance: 0.549 at most, and 0.500 without a look at the images."
    )


def test_every_section_has_something_to_say(data):
    for found in sections_of(data):
        assert found.parts, found.name
    drawn = {chart.name for chart in charts_of(sections_of(data))}
    assert {"bars-0", "differences-0", "cost-quality", "training-curves", "roc-0", "pr-0"} <= drawn
    assert {"calibration-0", "turned-curves"} <= drawn


def test_what_was_calibrated_is_told_before_and_after(tmp_path):
    """Of two of three seeds; entries of others, and tasks with thresholds alone, are left out."""
    sweep = write_full_sweep(tmp_path)
    for place, run in enumerate(sorted(sweep.glob("weighting-equal*"))[:2]):
        own = {"temperature": 1.0 + place, "ece": [0.2, 0.1 * place]}
        tasks = {"classification": own, "box": {"temperature": 1.0}, "other": {"ece": "x"}}
        (run / "calibration.json").write_text(json.dumps({"tasks": tasks}))
    data = page_data(compare(find_runs([sweep])))
    (table,) = (p for p in section(data, "calibration").parts if isinstance(p, PageTable))
    (row,) = table.rows
    assert [cell.text for cell in row] == ["equal", "classification", "1.500", "0.200", "0.050"]
    assert "What mtl calibrate found" in page(compare(find_runs([sweep])), "")


def test_sections_without_files_say_how_to_get_them(tmp_path):
    sweep = write_full_sweep(tmp_path, seeds=1)
    for name in ("metrics.csv", "curves/test.json", "eval/rotation_test.json", "figures/test.png"):
        for file in sweep.glob(f"*/{name}"):
            file.unlink()
    found = sections_of(page_data(compare(find_runs([sweep]))))
    names = ["answer", "table", "tasks", "cost", "configuration", "reproduce"]
    assert [one.name for one in found] == names
    folded = found[-1].parts[-1]
    assert folded.title == "What else a report can show"
    hints = dict(line.split(": ", 1) for line in folded.parts[0].lines)
    for title, hint in {
        "Training": "metrics.csv",
        "ROC, precision-recall, success, Calibration, Confusion": "mtl eval",
        "Turned images": "rotate=",
        "Task conflict": "callbacks.conflict.enabled=true",
        "Predictions": "callbacks.figures",
        "Largest disagreements": "callbacks.samples.enabled=true",
    }.items():
        assert hint in hints.pop(title), title
    assert hints == {}


def test_every_chart_has_its_numbers_as_a_table(data):
    for chart in charts_of(sections_of(data)):
        assert chart.table is not None
        assert chart.table.rows, chart.name
        for row in chart.table.rows:
            assert len(row) == len(chart.table.columns)
        assert len({len(column) for column in chart.data["points"].values()}) == 1


def test_confusion_is_summed_over_the_seeds(data):
    reading, one_of = section(data, "confusion").parts
    assert reading.lines == [
        "Each line is a true class, and adds up to 100 %; each column is what was decided."
    ]
    assert isinstance(one_of, OneOf)
    matrix = one_of.panels[0][1]
    assert [cell.text for cell in matrix.rows[0][1]] == ["80%", "10%", "10%"]
    assert matrix.rows[0][1][0].note == "24 samples"


def test_many_classes_become_a_list_of_mistakes(tmp_path):
    labels = [f"c{i}" for i in range(20)]
    run = write_full_run(tmp_path / "run", "equal", 0)
    counts = [[9 if i == j else int(j == 0) for j in range(20)] for i in range(20)]
    content = {"classification": {"confusion": {"classes": labels, "counts": counts}}}
    (run / "curves/test.json").write_text(json.dumps(content))
    reading, one_of = section(page_data(compare(find_runs([run]))), "confusion").parts
    assert reading.lines == [
        "Of more than 16 classes the commonest mistakes are told, by their share of the true "
        "class's samples."
    ]
    found = one_of.panels[0][1]
    assert isinstance(found, PageTable)
    assert len(found.rows) == 19
    assert found.rows[0][2].text == "10%"
    assert found.caption.endswith("all seeds together; 19 mistakes between 20 classes")


def test_conflict_is_the_mean_cosine(data):
    heat = section(data, "conflict").parts[1].panels[0][1].parts[0]
    assert [cell.text for cell in heat.rows[0][1]] == ["+1.000", "-0.200"]
    assert heat.rows[0][1][1].opposed


def test_reproduction_names_command_and_folder(data):
    _, common, reading, table, *_ = section(data, "reproduce").parts
    assert common.text == "mtl train"
    assert "All are of commit abc." in reading.lines[0]
    run, adds, folder, started = table.rows[0]
    assert (run.text, adds.text) == ("equal, seed 0", "weighting=equal seed=0")
    assert adds.copy == "mtl train weighting=equal seed=0"
    path = data.evidence[0].run.path
    assert (folder.text, folder.copy) == (path.name, f"mtl rerun run={path}")
    assert started.text == "2026-01-01 00:00"


def test_texts_of_a_folder_stay_text(tmp_path):
    write_full_sweep(tmp_path, seeds=1, labels=HOSTILE)
    for file in tmp_path.glob("*/app.log"):
        file.write_text(f"[INFO] mtl train name={HOSTILE[0]}\n")
    for file in tmp_path.glob("*/environment.json"):
        file.write_text(json.dumps({"commit": HOSTILE[1], HOSTILE[0]: HOSTILE[1]}))
    text = page(compare(find_runs([tmp_path])), "var library = '</script><!--';")
    assert text.count("<script") == 3
    assert text.count("</script>") == 3
    assert "<img src=x" not in text
    assert "{{ 7 * 7 }}" in text
    data = re.findall(
        r'<script type="application/json" id="charts">(.*?)</script>', text, re.DOTALL
    )
    choices = json.loads(data[0])
    assert any(name.startswith("roc") for name in choices)


def test_only_the_page_s_own_scripts_may_run(sweep):
    text = page(compare(find_runs([sweep])), "var library;")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
    assert policy.count("sha256-") == 2
    assert "unsafe-eval" not in policy


def test_a_library_cannot_end_its_script():
    assert script_text("a = '</SCRIPT>'; b = '<!--'; c < d") == (
        "a = '\\x3c/SCRIPT>'; b = '\\x3c!--'; c < d"
    )


def test_the_library_is_bundled_once(tmp_path, monkeypatch):
    module = types.ModuleType("vl_convert")
    monkeypatch.setattr("mtl.runs.page.library.version", lambda package: "1")
    bundles = iter(["one", "two", "three"])
    module.javascript_bundle = lambda vl_version: next(bundles)
    monkeypatch.setitem(sys.modules, "vl_convert", module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert [chart_library(), chart_library()] == ["one", "one"]
    monkeypatch.setattr("mtl.runs.page.library.version", lambda package: "2")
    assert chart_library() == "two"
    # A folder that can't be written to keeps nothing, and is no reason to fail.
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert chart_library() == "three"


def test_broken_files_are_named(tmp_path):
    sweep = write_full_sweep(tmp_path, seeds=1)
    broken = next(iter(sorted(sweep.glob("*/curves/test.json"))))
    broken.write_text("{")
    parts = section(page_data(compare(find_runs([sweep]))), "answer").parts
    assert str(broken) in parts[-1].lines[0]


def test_charts_are_pure_data(data):
    for chart in charts_of(sections_of(data)):
        assert isinstance(chart, Chart)
        json.dumps({"spec": chart.spec, "data": chart.data}, allow_nan=False)


def test_labels_are_the_values_that_differ(data):
    assert data.labels == ["equal", "pcgrad", "cagrad"]
