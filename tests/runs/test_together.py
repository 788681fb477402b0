"""Together against alone: rows against their own single-task networks, worked out by hand."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import config, write_run, write_sweep

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.comparison import Comparison, Together
from mtl.runs.compare.output.csv_file import as_csv
from mtl.runs.compare.output.json_file import as_values
from mtl.runs.compare.output.latex import as_latex
from mtl.runs.compare.output.markdown import as_markdown
from mtl.runs.compare.output.plain_table import AGAINST_ALONE
from mtl.runs.compare.question import Question
from mtl.runs.compare.statistics.power import pairs_needed

BOX, LABEL = [0.041, 0.042, 0.043], [-0.020, -0.021, -0.019]
OVERALL = [0.05, -0.02, 0.01]


def deltas(
    box: Sequence[float], label: Sequence[float], overall: Sequence[float]
) -> Mapping[int, Mapping[str, float]]:
    """Metrics by seed."""
    return {
        seed: {
            "box/iou": 0.5,
            "box/delta": box[seed],
            "classification/delta": label[seed],
            "delta_m": overall[seed],
        }
        for seed in range(len(box))
    }


def compared(folder: Path, rows: Mapping[str, Any], **asked: Any) -> Comparison:
    sweep = write_sweep(folder / "sweep", rows)
    return compare(find_runs([sweep]), Question(**asked))


def only(comparison: Comparison) -> Together:
    (row,) = comparison.rows
    assert row.together is not None
    return row.together


def test_changes_are_tested_against_0(tmp_path: Path) -> None:
    """Of 0.02, 0.03 and 0.04 t is 3 sqrt(3), and p = 1 - t / sqrt(t^2 + 2)."""
    from scipy import stats

    found = only(compared(tmp_path, {"equal": deltas([0.02, 0.03, 0.04], LABEL, OVERALL)}))
    box, t = found.tasks["box"], 3 * math.sqrt(3)
    assert box.values == pytest.approx({"0": 0.02, "1": 0.03, "2": 0.04})
    assert box.p == pytest.approx(1 - t / math.sqrt(t**2 + 2))
    assert box.p == pytest.approx(stats.ttest_1samp([0.02, 0.03, 0.04], 0).pvalue)
    assert box.effect == pytest.approx(3)
    # Of three tests it is the second.
    assert box.adjusted == pytest.approx(2 * box.p)
    assert box.verdict == "unsettled"


def test_a_sentence_of_all_verdicts(tmp_path: Path) -> None:
    """Of three tests, box is the first and the label second: t(2) at 0.05 / 3 is 7.649, at 0.05 / 2
    6.205; times 0.001 / sqrt(3). Δm is the last: 4.303 * 0.0351 / sqrt(3)."""
    found = only(compared(tmp_path, {"equal": deltas(BOX, LABEL, OVERALL)}))
    assert {task: change.verdict for task, change in found.tasks.items()} == {
        "classification": "worse",
        "box": "better",
    }
    overall = found.overall
    assert overall is not None
    needed = pairs_needed(overall.effect or 0.0)
    assert overall.more == (needed or 0) - 3
    assert found.sentence == (
        "better together on box (+4.2 ± 0.4 %); worse on classification (-2.0 ± 0.4 %); unsettled "
        f"overall (+1.3 ± 8.7 %): about {overall.more} more seeds would settle it"
    )


def test_nothing_settled_and_nothing_to_settle(tmp_path: Path) -> None:
    tiny = [1e-6, 2e-6, 3e-6]
    found = only(compared(tmp_path, {"equal": deltas([0.01, -0.02, 0.0102], tiny, OVERALL)}))
    assert found.tasks["box"].more is None
    assert found.tasks["classification"].verdict == "same"
    assert found.overall is not None
    assert found.sentence == (
        "the same on classification (+0.0 ± 0.0 %); unsettled on box (+0.0 ± 4.7 %) and overall "
        f"(+1.3 ± 12.6 %): about {found.overall.more} more seeds would settle overall, even 100 "
        "seeds would not settle box"
    )


def test_few_seeds_prove_nothing(tmp_path: Path) -> None:
    one = only(compared(tmp_path, {"equal": deltas([0.042], [-0.02], [0.011])}))
    assert one.tasks["box"].verdict == "too few"
    assert one.sentence == (
        "one seed proves nothing (it takes 3 or more): classification -2.0 %, box +4.2 %, "
        "overall +1.1 %"
    )
    two = only(compared(tmp_path / "2", {"equal": deltas(BOX[:2], LABEL[:2], OVERALL[:2])}))
    assert two.sentence.startswith("2 seeds prove nothing yet (it takes 3 or more): ")


def test_all_rows_are_one_family_and_the_reference_is_in_it(tmp_path: Path) -> None:
    rows = {name: deltas(BOX, LABEL, OVERALL) for name in ("equal", "pcgrad")}
    for row in compared(tmp_path, rows).rows:
        assert row.together is not None
        box = row.together.tasks["box"]
        assert box.adjusted == pytest.approx(6 * (box.p or 0))


def test_less_is_better_with_the_other_sign(tmp_path: Path) -> None:
    found = only(compared(tmp_path, {"equal": deltas(BOX, LABEL, OVERALL)}, delta="drop"))
    assert found.tasks["box"].mean == pytest.approx(-0.042)
    assert found.sentence.startswith("better together on box (-4.2 ± 0.4 %); worse on")


def test_rows_without_baselines_say_nothing(tmp_path: Path) -> None:
    for seed in range(3):
        values, metrics = config(seed), deltas(BOX, LABEL, OVERALL)[seed]
        write_run(tmp_path / f"both{seed}", values, metrics, started=f"1{seed}")
        alone = config(seed, tasks=("box",))
        write_run(tmp_path / f"box{seed}", alone, {"box/iou": 0.4}, started=f"2{seed}")
    together, alone = compare(find_runs([tmp_path])).rows
    assert together.together is not None
    assert alone.together is None


def test_in_every_form(tmp_path: Path, mtl: Any) -> None:
    comparison = compared(tmp_path, {"equal": deltas(BOX, LABEL, OVERALL)})
    said = only(comparison).sentence
    values = json.loads(json.dumps(as_values(comparison), allow_nan=False))["rows"][0]["together"]
    assert values["sentence"] == said
    assert values["tasks"]["box"]["mean"] == pytest.approx(0.042)
    assert values["overall"]["verdict"] == "unsettled"
    (line,) = csv.DictReader(io.StringIO(as_csv(comparison)))
    assert line["together"] == said
    assert float(line["together box change"]) == pytest.approx(0.042)
    assert float(line["together overall p"]) == only(comparison).overall.p  # type: ignore[union-attr]
    markdown = as_markdown(comparison)
    assert f"{AGAINST_ALONE[1:]}:\n\n- `all runs`: {said}.\n" in markdown
    assert r"+1.3 $\pm$ 8.7 \%" in as_latex(comparison)
    out = mtl("compare", "runs=[sweep]").out
    assert f"{AGAINST_ALONE}\nall runs: {said}\n" in out
    assert "mean over tasks of Δ, the mean relative change of a task's metrics against its" in out
    assert "+1.3 ± 8.7 %" in out
