"""The single-task networks beside what was trained together, in every form of the table."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from page_kit import write_full_sweep

from mtl.cli.comparison_tables import show
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.comparison import Comparison
from mtl.runs.compare.output.files import write
from mtl.runs.compare.output.json_file import as_values
from mtl.runs.page.data import from_results, page_data
from mtl.runs.page.parts import PageTable
from mtl.runs.page.sections.answer import opening
from mtl.runs.page.sections.overview import overview

IOU = "test/box/iou"
ALONE = {0: 0.4, 1: 0.5, 2: 0.6}
"""By seed."""


def sweep_of(folder: Path, alone: dict[str, float]) -> Comparison:
    """Three weightings, three seeds, with baselines of boxes.

    Args:
        folder: to write.
        alone: weighting to what its baselines have more than ``ALONE``.
    """
    for file in write_full_sweep(folder).glob("*/results.json"):
        _, weighting, seed = file.parent.name.replace("_seed", "").split("-")
        results = json.loads(file.read_text())
        own = {IOU: ALONE[int(seed)] + alone.get(weighting, 0)}
        results["gain"] = {"alone": own, "tasks": {"box": 0.1}, "metrics": {IOU: 0.1}}
        results["metrics"]["test/box/delta"] = 0.1 + int(seed) / 1000
        file.write_text(json.dumps(results))
    return compare(find_runs([folder]))


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return sweep_of(tmp_path / "sweep", {})


def test_rows_of_the_same_baselines_share_one_line(comparison: Comparison) -> None:
    """Of 0.4, 0.5 and 0.6 the interval is t = 4.303 times 0.1 / sqrt(3)."""
    (alone,) = comparison.singles
    assert alone.name == "each alone"
    assert alone.cells[IOU].values == {"0": 0.4, "1": 0.5, "2": 0.6}
    assert alone.cells[IOU].mean == pytest.approx(0.5)
    low, high = alone.cells[IOU].interval or (0, 0)
    assert (high - low) / 2 == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-4)
    written = as_values(comparison)["singles"]
    assert [own["name"] for own in written] == ["each alone"]
    assert written[0]["metrics"][IOU]["mean"] == pytest.approx(0.5)


def test_it_stands_in_the_terminal_and_on_the_page(comparison: Comparison) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        show(comparison, whole=True)
    (line,) = (line for line in out.getvalue().splitlines() if line.startswith("each alone"))
    assert line.split() == ["each", "alone", "3", "0.500", "±", "0.248"]
    table = overview(page_data(comparison)).parts[1]
    assert isinstance(table, PageTable)
    (row,) = (row for row in table.rows if row[0].text == "each alone")
    assert "0.500 ± 0.248" in [cell.text for cell in row]
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_files_have_it_and_begin_with_the_answer(comparison: Comparison, tmp_path: Path) -> None:
    answers = opening(from_results(comparison))
    assert answers is not None
    write(comparison, tmp_path / "out", answers)
    markdown = (tmp_path / "out/comparison.md").read_text().splitlines()
    assert markdown[0] == "**Does training together help?**"
    assert markdown[3].startswith("- **box**: Yes")
    assert any(line.startswith("| `each alone` | 3 |") for line in markdown)
    tex = (tmp_path / "out/comparison.tex").read_text().splitlines()
    assert tex[0] == "% Does training together help?"
    assert tex[2].startswith("% box: Yes")
    assert any(line.startswith("each alone & 3 &") for line in tex)
    # Without an answer they begin with the table.
    write(comparison, tmp_path / "out")
    assert (tmp_path / "out/comparison.md").read_text().startswith("| weighting |")


def test_rows_of_other_baselines_have_a_line_of_their_own(tmp_path: Path) -> None:
    found = sweep_of(tmp_path / "sweep", {"cagrad": 0.1})
    assert [own.name for own in found.singles] == [
        "each alone (equal, pcgrad)",
        "each alone (cagrad)",
    ]
    assert [own.cells[IOU].mean for own in found.singles] == pytest.approx([0.5, 0.6])


def test_without_baselines_there_is_none(tmp_path: Path) -> None:
    assert compare(find_runs([write_full_sweep(tmp_path / "sweep")])).singles == ()
