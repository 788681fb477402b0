"""The first thing that a page says: whether training together helps, task by task."""

from dataclasses import replace
from pathlib import Path

import pytest
from page_kit import write_full_sweep

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.comparison import Difference, Together, Verdict
from mtl.runs.page.answers import Answers
from mtl.runs.page.data import page_data
from mtl.runs.page.parts import Folded, PageTable, Sentences
from mtl.runs.page.sections.answer import answer
from mtl.runs.page.sections.together import NOT_KNOWN, together


def change(mean: float, verdict: Verdict, more: int | None = None) -> Difference:
    values = {str(seed): mean + 0.01 * (seed - 1) for seed in range(3)}
    around = None if verdict == "too few" else (mean - 0.02, mean + 0.02)
    return Difference(values, (), (), mean, around, None, None, None, more, verdict, ())


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("sweep")
    # The changes are made up below.
    return replace(compare(find_runs([write_full_sweep(folder)])))


def told(comparison, changes: dict[str, dict[str, Difference]]):
    """The parts where the rows, in their order, have these changes."""
    rows = [
        replace(
            row,
            together=Together(
                tasks={task: own[place] for task, own in changes.items() if task},
                overall=changes[""][place] if "" in changes else None,
                sentence="",
            ),
        )
        for place, row in enumerate(comparison.rows)
    ]
    return together(page_data(replace(comparison, rows=tuple(rows))))


def test_each_task_has_its_answer_with_a_number(comparison):
    parts = told(
        comparison,
        {
            "classification": [
                change(-0.03, "worse"),
                change(-0.08, "worse"),
                change(-0.05, "worse"),
            ],
            "box": [change(0.04, "better"), change(0.09, "unsettled", 4), change(-0.02, "worse")],
            "": [change(0.01, "unsettled", 12), change(0.005, "unsettled"), change(-0.03, "worse")],
        },
    )
    assert isinstance(parts[0], Answers)
    assert parts[0].note == (
        "In percent of what a network for the task alone reaches with the same seed: the mean over "
        "all metrics of the task, more is better."
    )
    lines = {line.title: (line.tone, line.short, line.rest) for line in parts[0].lines}
    assert lines == {
        # Not the largest one, which may be chance.
        "box": (
            "better",
            "Yes, with equal: +4.0 ± 2.0 %.",
            "Beyond the noise, 1 of 3 rows is better and 1 worse.",
        ),
        "classification": (
            "worse",
            "No: every setting loses, equal least: -3.0 ± 2.0 %.",
            "",
        ),
        "all tasks": (
            "unsure",
            "Not proven: from +1.0 ± 2.0 % with equal to -3.0 ± 2.0 % with cagrad is within the "
            "noise of 3 seeds: about 12 more would settle it.",
            "Beyond the noise, none of 3 rows is better and 1 worse.",
        ),
    }


def test_the_numbers_stand_below_the_most_gain_first(comparison):
    changes = [change(0.01, "unsettled"), change(0.09, "better"), change(-0.02, "worse")]
    _, _, table = told(comparison, {"box": changes, "": changes})
    assert isinstance(table, PageTable)
    assert [column.title for column in table.columns] == ["runs", "box", "all tasks"]
    assert [column.note for column in table.columns] == [
        *("", "mean over iou, mae", "mean over the tasks, Δm")
    ]
    assert [[cell.text for cell in row[:2]] for row in table.rows] == [
        ["pcgrad", "+9.0 ± 2.0 % ▲"],
        ["equal", "+1.0 ± 2.0 %"],
        ["cagrad", "-2.0 ± 2.0 % ▼"],
    ]


def test_few_seeds_settle_nothing(comparison):
    few = [change(0.2, "too few"), change(0.1, "too few"), change(0.1, "too few")]
    answers, *details = told(comparison, {"box": few})
    # Of intervals nothing is said where there are none.
    assert [type(part) for part in details] == [PageTable]
    line = answers.lines[0]
    assert line.tone == "unsure"
    assert line.short == (
        "Not known yet: equal is at +20.0 %, not to be told from chance with 3 seeds."
    )


def test_without_single_networks_it_says_how_to_get_them(comparison):
    data = page_data(comparison)
    assert together(data) == []
    assert answer(data).parts[0] == Sentences([NOT_KNOWN])


def test_many_settings_are_folded(comparison):
    many = replace(comparison, rows=comparison.rows * 3)
    changes = [change(0.01, "unsettled")] * 9
    assert isinstance(told(many, {"box": changes})[-1], Folded)


def test_what_makes_no_difference_is_told_as_such(comparison):
    changes = [change(-0.05, "worse"), change(0.0001, "same"), change(-0.04, "worse")]
    line = told(comparison, {"box": changes})[0].lines[0]
    assert line.short == "It makes no difference: pcgrad is at +0.0 ± 2.0 %."
    assert line.rest == "Beyond the noise, none of 3 rows is better and 2 worse."
