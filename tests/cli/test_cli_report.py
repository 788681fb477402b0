"""``mtl report``: its arguments, and where the page goes."""

import sys

import pytest
from page_kit import write_full_run, write_full_sweep

from mtl.cli.completion import query


def test_page_goes_where_the_runs_are(mtl, tmp_path, without_charts):
    write_full_sweep(tmp_path / "sweeps/made", seeds=2)
    result = mtl("report", "runs=[sweeps/made]")
    assert (result.code, result.out) == (0, "written to sweeps/made/report.html\n")
    assert "cagrad" in (tmp_path / "sweeps/made/report.html").read_text()
    assert mtl("report", "runs=[sweeps/made]", "out=elsewhere/page").code == 0
    assert (tmp_path / "elsewhere/page/report.html").is_file()


def test_page_of_one_run_goes_into_its_folder(mtl, tmp_path, without_charts):
    write_full_run(tmp_path / "run", "equal", 0)
    assert mtl("report", "run=run").out == "written to run/report.html\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "write run=outputs/runs/NAME/TIME, or runs=[A,B] for several"),
        (["run=a", "runs=[b]"], "write run=outputs/runs/NAME/TIME"),
        (["rn=a"], "unknown key 'rn'; did you mean run=?"),
        (["run=nowhere"], "no such folder"),
    ],
)
def test_mistakes(mtl, arguments, said):
    result = mtl("report", *arguments)
    assert result.code == 2
    assert said in result.err


def test_missing_package_is_named(mtl, tmp_path, monkeypatch):
    write_full_run(tmp_path / "run", "equal", 0)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    result = mtl("report", "run=run")
    assert result.code == 2
    assert "pip install 'mtl[report]'" in result.err
    assert not (tmp_path / "run/report.html").exists()


def test_completion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_full_run(tmp_path / "outputs/runs/name/time", "equal", 0)
    assert query("mtl report re") == ["reference="]
    assert query("mtl report run=") == ["run=outputs/runs/name/time"]
    assert query("mtl report runs=o") == ["runs=outputs/runs/name/time"]
