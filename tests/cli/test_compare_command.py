"""``mtl compare``, and what a sweep says at its end."""

import io
import json
import sys
from pathlib import Path

import pytest
import yaml
from made_up_runs import config, write_run, write_sweep
from omegaconf import OmegaConf
from rich.console import Console

from mtl.cli.compare import show_sweep
from mtl.cli.comparison_tables import tables
from mtl.cli.completion import query
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare

SCORES = {
    name: {s: {"box/iou": value * (1 + s / 90), "classification/accuracy": 0.5} for s in range(3)}
    for name, value in {"equal": 0.5, "pcgrad": 0.6}.items()
}


def test_the_answer(mtl, tmp_path, without_charts):
    write_sweep(tmp_path / "sweep", SCORES)
    result = mtl("compare", "runs=[sweep]", "out=answer")
    assert (result.code, result.err) == (0, "")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    # Nothing says whether sharing helps, which is told below the table, then.
    assert any(
        line.startswith("Whether sharing helps can't be said of these runs") for line in lines
    )
    assert lines[:2] == ["classification box", "weighting seeds accuracy iou parameters seconds"]
    assert "equal (reference) 3 0.500 ± 0.000 0.506 ± 0.014 0.37 M 100" in lines
    assert "pcgrad 3 0.500 ± 0.000 0.607 ± 0.017* ▲ 0.37 M 101" in lines
    assert "differences to equal, by seed" in lines
    assert "pcgrad: better on 1 of 2 tasks (box); the same on classification" in lines
    assert lines[-2:] == ["written to answer/comparison.tex", "written to answer/report.html"]
    assert (tmp_path / "answer/comparison.md").is_file()


def test_tables_are_written_without_the_package_for_charts(mtl, tmp_path, monkeypatch):
    write_sweep(tmp_path / "sweep", SCORES)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    result = mtl("compare", "runs=[sweep]", "out=answer")
    assert result.code == 0
    assert "left out: report.html needs the package vl-convert-python" in result.out
    assert sorted(file.suffix for file in (tmp_path / "answer").iterdir()) == [
        *(".csv", ".json", ".md", ".tex")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "runs= is needed: write runs=[outputs/sweeps/NAME]"),
        (["sweep"], "'sweep': write runs=[sweep]"),
        (["run=sweep"], "run=sweep: write runs=[...], several runs or a sweep"),
        (["runs=sweep", "metric=x"], "unknown key 'metric'; did you mean metrics=?"),
        (["runs=nowhere"], "runs=nowhere: no such folder"),
        (["runs=sweep", "test=u"], "test=u: choose one of t, exact"),
        (["runs=sweep", "bootstrap=-1"], "bootstrap=-1: give a whole number; 0 for none"),
        (["runs=sweep", "delta=up"], "delta=up: choose one of gain, drop"),
        (["runs=sweep", "by=lr"], "by=lr: the runs don't differ in it. There differ: weighting"),
        (["runs=sweep", "out=file"], "out=file is a file"),
    ],
)
def test_mistakes(mtl, tmp_path, arguments, said):
    write_sweep(tmp_path / "sweep", SCORES)
    (tmp_path / "file").touch()
    result = mtl("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(("width", "blocks"), [(130, 1), (70, 2), (40, 4)])
def test_wide_tables_are_folded(tmp_path, width, blocks):
    sweep = write_sweep(tmp_path / "sweep", SCORES)
    console = Console(width=width, record=True, file=io.StringIO())
    found = [*tables(compare(find_runs([sweep])), console)]
    assert len(found) == blocks
    for table in found:
        console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    # Every block begins with the rows' names, and no number is cut.
    assert sum(line.startswith("pcgrad") for line in lines) == blocks
    assert "…" not in "".join(lines)


def test_many_columns_that_name_a_row_become_one(tmp_path):
    for number in range(2):
        values = config(0, ("equal", "pcgrad")[number], lr=0.1 + number, data__train=100 * number)
        values["backbone"]["width"] = 16 * number
        write_run(tmp_path / str(number), values, {"box/iou": 0.5}, started=str(number))
    console = Console(width=60, record=True, file=io.StringIO())
    for table in tables(compare(find_runs([tmp_path])), console):
        console.print(table)
    text = console.export_text()
    assert text.split()[:1] == ["box"]
    assert "(reference)" in text
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.slow
def test_a_sweep_with_several_seeds_ends_with_its_comparison(mtl, stub_train):
    def act(cfg, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
        metrics = {"metrics": {"test/classification/accuracy": 0.5 + cfg.seed / 10}}
        (folder / "results.json").write_text(json.dumps(metrics))
        return {"val/score": 0.5}

    stub_train.act = act
    result = mtl("train", "-m", "name=mine", "tasks=[classification]", "seed=0,1")
    assert result.code == 0, result.err
    # Mean 0.55, s = 0.0707, t(1) = 12.706.
    assert "0.550 ± 0.635" in result.out
    assert result.out.endswith(
        "more, and as files: mtl compare 'runs=[outputs/sweeps/mine]' out=DIR\n"
    )


def test_a_sweep_with_one_seed_ends_without(tmp_path, capsys):
    one = {name: {0: {"box/iou": 0.5}} for name in ("equal", "pcgrad")}
    show_sweep(write_sweep(tmp_path / "sweep", one), None)
    assert capsys.readouterr().out == ""


def test_completion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sweep(tmp_path / "outputs/sweeps/mine", {"equal": {0: {"box/iou": 0.5}}})
    assert query("mtl compare by") == ["by="]
    assert query("mtl compare runs=outputs/sw") == [
        "runs=outputs/sweeps/mine",
        "runs=outputs/sweeps/mine/weighting-equal_seed-0",
    ]


@pytest.mark.slow
def test_needs_no_torch(tmp_path: Path) -> None:
    from subprocess import run

    write_sweep(tmp_path / "sweep", SCORES)
    code = (
        "import sys; from mtl.cli.main import main; from mtl.runs.page import write; "
        "write.chart_library = lambda: ''; "
        "assert main(['compare', 'runs=sweep', 'out=out']) == 0; "
        "sys.exit('torch' in sys.modules)"
    )
    done = run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((tmp_path / "out/comparison.json").read_text())["unit"] == "seed"
    assert (tmp_path / "out/report.html").is_file()
