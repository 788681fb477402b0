"""A row that shares nothing between its tasks is what sharing is measured against."""

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import config, write_run

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.comparison import Comparison
from mtl.runs.compare.output.words import legend
from mtl.runs.compare.question import Question
from mtl.runs.page.answers import Answers
from mtl.runs.page.data import page_data
from mtl.runs.page.parts import Chart, Folded, PageTable, Sentences, SideBySide
from mtl.runs.page.sections.answer import answer
from mtl.runs.page.sections.configuration import configuration
from mtl.runs.page.sections.sharing import sharing
from mtl.runs.page.sections.training import training
from mtl.runs.page.wording import differing, headline

ENCODERS = {
    "nddr": "mtl.model.encoder.nddr.NDDR",
    "shared": "mtl.model.encoder.shared.Shared",
    "per_task": "mtl.model.encoder.per_task.PerTask",
}
BASE = (0.50, 0.51, 0.53)
GAINS = {"nddr": (0.060, 0.061, 0.059), "shared": (0.03, -0.01, 0.02), "per_task": (0, 0, 0)}


def write(folder: Path, encoder: str, seed: int, exchange: str = "none", **more: Any) -> None:
    nodes = {
        "encoder": {"_target_": ENCODERS[encoder]},
        "fusion": {"_target_": "mtl.model.fusion.none.NoFusion", "exchange": exchange},
    }
    number = list(ENCODERS).index(encoder)
    write_run(
        folder / f"{encoder}_{exchange}_{seed}",
        config(seed, **nodes),
        {"box/iou": BASE[seed] + GAINS[encoder][seed], "classification/accuracy": 0.5},
        started=f"{number}{exchange}{seed}",
        **more,
    )


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    for encoder in ENCODERS:
        for seed in range(3):
            write(tmp_path, encoder, seed)
    return compare(find_runs([tmp_path]))


def test_it_is_the_reference_and_named(comparison: Comparison, tmp_path: Path) -> None:
    assert [row.name for row in comparison.rows] == ["nddr", "shared", "per_task"]
    assert [row.shares_nothing for row in comparison.rows] == [False, False, True]
    assert comparison.reference == 2
    assert legend(comparison, "*")[-1] == "no sharing, one network per task: per_task"
    assert compare(find_runs([tmp_path]), Question(reference="shared")).reference == 1


def test_tasks_that_exchange_features_share(tmp_path: Path) -> None:
    """What was measured on the network says more than its configuration."""
    write(tmp_path, "per_task", 0, exchange="concat")
    write(tmp_path, "shared", 0)
    write(tmp_path, "per_task", 0, shared_parameters=7)
    write(tmp_path, "nddr", 0, shared_parameters=0)
    found = {row.name: row.shares_nothing for row in compare(find_runs([tmp_path])).rows}
    assert found == {
        "nddr": True,
        "shared": False,
        "per_task": False,
        "per_task exchange=concat": False,
    }


def test_the_page_opens_with_the_answer_for_each_task(comparison: Comparison) -> None:
    """Gains of 0.059 to 0.061: s = 0.001, t = 104, p = 9.2e-5 of four tests; t(2) at 0.05 / 4 is
    8.860, so that ± is 0.005."""
    first, how, cards, *_ = answer(page_data(comparison)).parts
    assert isinstance(first, Answers)
    assert first.question == "Does sharing between the tasks help?"
    assert first.note == "Compared with per_task: no sharing, one network per task."
    classification, box = first.lines
    assert (classification.tone, classification.title) == ("", "classification")
    assert classification.short.startswith("It makes no difference: +0.000 accuracy with nddr")
    assert (box.tone, box.short) == (
        "better",
        "Yes: +0.060 iou with nddr (+0.055 to +0.065, p = 0.00037).",
    )
    assert box.rest == (
        "Beyond the noise, 1 of 2 rows is better and none worse: from +0.060 with nddr to +0.013 "
        "with shared."
    )
    assert isinstance(how, Sentences)
    assert "Holm's correction for the 4 comparisons" in how.lines[0]
    # The cards have the numbers, and say no second time what they come to.
    assert isinstance(cards, SideBySide)
    assert [card.headline for card in cards.parts] == ["", ""]


def test_what_is_not_proven_is_said_in_the_words_of_the_terminal(tmp_path: Path) -> None:
    for encoder in ("shared", "per_task"):
        for seed in range(3):
            write(tmp_path, encoder, seed)
    comparison = compare(find_runs([tmp_path]))
    words = "within the noise of 3 seeds: about "
    assert words in comparison.rows[0].sentence
    line = answer(page_data(comparison)).parts[0].lines[1]
    assert line.tone == "unsure"
    assert line.short.startswith("Not proven: +0.013 iou with shared (")
    assert words in line.short
    assert line.rest == ""


def test_a_loss_is_no_candidate_for_a_gain(tmp_path: Path) -> None:
    """With two seeds nothing is told from chance, but that does not make less more."""
    for seed in range(2):
        write_run(
            tmp_path / f"alone{seed}",
            config(seed, encoder={"_target_": ENCODERS["per_task"]}),
            {"box/iou": 0.5},
            started=f"1{seed}",
        )
        write_run(
            tmp_path / f"shared{seed}",
            config(seed, encoder={"_target_": ENCODERS["shared"]}),
            {"box/iou": 0.49},
            started=f"2{seed}",
        )
    data = page_data(compare(find_runs([tmp_path])))
    metric = next(m for m in data.comparison.metrics if m.own == "iou")
    said = "-0.010 iou with shared, not to be told from chance with 2 seeds."
    tone, text = headline(
        data, differing([r for r in data.rows if r is not data.reference], metric), metric
    )
    assert (tone, text) == ("unsure", f"Nothing is better than per_task so far. Next is {said}")
    (answers, *_) = sharing(data, [metric])
    assert isinstance(answers, Answers)
    assert [line.short for line in answers.lines] == [f"Not so far: at best {said}"]


def test_rows_that_differ_in_more_than_sharing_are_no_proof_of_it(tmp_path: Path) -> None:
    for seed in range(3):
        write(tmp_path, "per_task", seed)
        values = config(seed, encoder={"_target_": ENCODERS["nddr"]}, lr=0.5)
        write_run(tmp_path / f"other{seed}", values, {"box/iou": 0.6 + seed / 90})
    parts = answer(page_data(compare(find_runs([tmp_path])))).parts
    assert isinstance(parts[0], Answers)
    assert "differ in more than sharing (lr)" in parts[1].lines[0]


def test_baselines_stand_behind_the_row_that_shares_nothing(tmp_path: Path) -> None:
    for encoder in ENCODERS:
        for seed in range(3):
            write(tmp_path, encoder, seed)
    for file in tmp_path.glob("*/results.json"):
        text = file.read_text().replace('"metrics": {', '"metrics": {"test/box/delta": 0.1, ')
        file.write_text(text)
    parts = answer(page_data(compare(find_runs([tmp_path])))).parts
    assert isinstance(parts[0], Answers)
    assert isinstance(parts[1], Folded)
    assert parts[1].title == "Against a network for each task alone"


def test_means_over_other_tasks_are_not_compared(tmp_path: Path) -> None:
    """The score of a run is of its own tasks, the loss their sum."""
    (tmp_path / "both").mkdir()
    metrics = {"box/iou": 0.5, "score": 0.7, "loss": 1.0}
    write_run(tmp_path / "both/0", config(0), metrics)
    names = {metric.name for metric in page_data(compare(find_runs([tmp_path]))).metrics}
    assert {"test/score", "test/loss"} <= names
    alone = write_run(tmp_path / "alone", config(0, tasks=("box",)), metrics, started="3")
    for run in (tmp_path / "both/0", alone):
        (run / "metrics.csv").write_text("step,metric,value\n1,val/score,0.5\n1,val/box/iou,0.5\n")
    data = page_data(compare(find_runs([tmp_path])))
    assert {metric.name for metric in data.metrics} == {"test/box/iou"}
    (chart,) = (part for part in training(data).parts if isinstance(part, Chart))
    assert [text for _, text in chart.choices[0].options] == ["box iou (validation)"]
    # Nor is a network for one task called as the task is.
    assert data.labels == ["classification+box", "box alone"]


def test_that_a_task_is_lacking_is_told_once(tmp_path: Path) -> None:
    write_run(tmp_path / "both", config(0), {"box/iou": 0.5})
    write_run(tmp_path / "alone", config(0, tasks=("box",)), {"box/iou": 0.5}, started="3")
    table = configuration(page_data(compare(find_runs([tmp_path])))).parts[0]
    assert isinstance(table, PageTable)
    assert [row[0].text for row in table.rows] == ["tasks"]
    values = config(0, tasks=("box",), heads__box__weight=2.0)
    write_run(tmp_path / "heavy", values, {"box/iou": 0.5}, started="3")
    table = configuration(page_data(compare(find_runs([tmp_path])))).parts[0]
    assert isinstance(table, PageTable)
    assert [row[0].text for row in table.rows] == ["heads.box.weight", "tasks"]


def test_rows_that_gain_the_same_are_told_in_one_number(tmp_path: Path) -> None:
    for encoder in ("nddr", "shared"):
        for seed in range(3):
            values = config(seed, encoder={"_target_": ENCODERS[encoder]})
            write_run(tmp_path / f"{encoder}{seed}", values, {"box/iou": BASE[seed] + 0.06})
    for seed in range(3):
        write(tmp_path, "per_task", seed)
    (line, *_) = answer(page_data(compare(find_runs([tmp_path])))).parts[0].lines
    assert line.rest.endswith(": all are at +0.060.")
