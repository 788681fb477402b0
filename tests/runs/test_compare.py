"""Comparisons of made-up runs whose answers are known."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import config, write_run, write_sweep

from mtl.config.groups import members
from mtl.config.member_files import node_of
from mtl.config.saved import groups_of_one_class
from mtl.errors import UserError
from mtl.model.samples.ids import packed
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.compare.comparison import Comparison, ComparisonRow
from mtl.runs.compare.member_names import MemberNames
from mtl.runs.compare.output.plain_table import main_columns
from mtl.runs.compare.question import Question
from mtl.runs.compare.telling import telling

IOU, ACCURACY = "test/box/iou", "test/classification/accuracy"


def compared(*folders: Path, **asked: object) -> Comparison:
    return compare(find_runs(folders), Question(**asked))


def by_label(comparison: Comparison) -> dict[str, ComparisonRow]:
    return {row.label: row for row in comparison.rows}


def box(*values: float) -> dict[int, dict[str, float]]:
    """IoU of seeds 0, 1, ..."""
    return {seed: {"box/iou": value} for seed, value in enumerate(values)}


def test_rows_means_and_paired_differences(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep",
        {
            "pcgrad": box(0.51, 0.62, 0.73),
            "equal": box(0.5, 0.6, 0.7),
            "cagrad": box(0.5, 0.7, 0.6),
        },
    )
    found = compared(sweep)
    assert found.columns == ("weighting",)
    assert [row.label for row in found.rows] == [
        "weighting=pcgrad",
        "weighting=equal",
        "weighting=cagrad",
    ]
    assert found.reference == 1
    pcgrad, equal, cagrad = found.rows
    cell = equal.cells[IOU]
    assert cell.values == pytest.approx({"0": 0.5, "1": 0.6, "2": 0.7})
    assert cell.mean == pytest.approx(0.6)
    assert cell.interval == pytest.approx((0.6 - 0.248414, 0.6 + 0.248414), abs=1e-6)
    assert [row.cells[IOU].best for row in found.rows] == [True, False, False]
    assert equal.differences == {}
    assert equal.sentence == ""
    # Differences 0.01, 0.02, 0.03: t = 2 sqrt(3), p = 0.0742; two tests in the family.
    difference = pcgrad.differences[IOU]
    assert difference.values == pytest.approx({"0": 0.01, "1": 0.02, "2": 0.03})
    assert difference.effect == pytest.approx(2)
    assert difference.p == pytest.approx(0.0741799)
    assert difference.adjusted == pytest.approx(0.1483598)
    assert difference.verdict == "unsettled"
    assert cagrad.differences[IOU].effect == 0
    assert cagrad.differences[IOU].more is None
    assert pcgrad.costs == {"parameters": 370_000, "duration_s": 100}
    assert (pcgrad.seeds, found.unit, found.notes) == ((0, 1, 2), "seed", ())


def test_what_looks_alike_has_no_best(tmp_path):
    two = {"equal": box(0.5, 0.6), "cagrad": box(0.5, 0.6000001)}
    assert not any(row.cells[IOU].best for row in compared(write_sweep(tmp_path / "a", two)).rows)
    found = compared(write_sweep(tmp_path / "b", {**two, "pcgrad": box(0.1, 0.2)}))
    assert [row.cells[IOU].best for row in found.rows] == [True, True, False]


def test_more_seeds_that_would_settle_it(tmp_path):
    """The example of the tables: an effect of 0.5 takes 34 pairs, and 4 are there."""
    spread = np.array([-1.0, 1.0, -1.0, 1.0]) * math.sqrt(3 / 4) * 0.02
    base = np.array([0.5, 0.6, 0.7, 0.8])
    sweep = write_sweep(
        tmp_path / "sweep", {"equal": box(*base), "pcgrad": box(*(base + 0.01 + spread))}
    )
    found = compared(sweep).rows[1]
    assert found.differences[IOU].effect == pytest.approx(0.5)
    assert found.differences[IOU].more == 30
    assert found.sentence == (
        "the difference on box is within the noise of 4 seeds: about 30 more would settle it"
    )


def test_better_worse_and_unsettled_in_one_sentence(tmp_path):
    def scores(accuracy, iou):
        return {
            seed: {"classification/accuracy": a, "box/iou": b}
            for seed, (a, b) in enumerate(zip(accuracy, iou, strict=True))
        }

    base, lead = np.array([0.5, 0.6, 0.7, 0.5]), np.array([0.1, 0.11, 0.1, 0.09])
    sweep = write_sweep(
        tmp_path / "sweep",
        {
            "equal": scores(base, base),
            "pcgrad": scores(base + lead, base + np.array([0.02, -0.02, 0.03, 0.01])),
            "cagrad": scores(base - lead, base),
        },
    )
    rows = by_label(compared(sweep))
    assert rows["weighting=pcgrad"].sentence.startswith(
        "better on 1 of 2 tasks (classification); the difference on box is within the noise of "
        "4 seeds: about "
    )
    assert rows["weighting=cagrad"].sentence == (
        "worse on 1 of 2 tasks (classification); the same on box"
    )


def test_less_is_better_where_the_head_declares_it(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep",
        {
            name: {seed: {"box/mae": value + seed} for seed, value in enumerate(values)}
            for name, values in {"equal": [3.0, 3.0, 3.0], "pcgrad": [1.0, 1.1, 0.9]}.items()
        },
    )
    found = compared(sweep, metrics=("box/mae",))
    assert [metric.larger for metric in found.metrics] == [False]
    assert [row.cells["test/box/mae"].best for row in found.rows] == [False, True]
    difference = found.rows[1].differences["test/box/mae"]
    assert difference.mean == pytest.approx(-2)
    assert (difference.verdict, difference.effect > 0) == ("better", True)


def test_exact_test_says_what_it_needs(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep", {"equal": box(0.5, 0.6, 0.7), "pcgrad": box(0.6, 0.71, 0.8)}
    )
    row = compared(sweep, test="exact").rows[1]
    assert row.differences[IOU].p == pytest.approx(0.25)
    assert row.sentence == (
        "the difference on box is within the noise of 3 seeds (with so few, the exact test's p is "
        "at least 0.25): about 3 more would settle it"
    )


def test_missing_pairs_and_failed_jobs_are_named(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep",
        {"equal": box(0.5, 0.6, 0.7, 0.8), "pcgrad": {**box(0.6, 0.71), 7: {"box/iou": 0.5}}},
    )
    failed = write_run(
        sweep / "failed", config(2, "pcgrad"), None, state="failed", error="loss\nis nan"
    )
    found = compared(sweep)
    pcgrad = found.rows[1]
    assert pcgrad.differences[IOU].missing == ("seed 2", "seed 3")
    assert pcgrad.differences[IOU].alone == ("seed 7",)
    assert pcgrad.sentence == "2 common seeds: it takes 3 or more to tell a difference from noise"
    assert pcgrad.unfinished[0].path == failed
    assert found.notes == (
        "weighting=pcgrad lacks seed 2, seed 3, which the reference weighting=equal has",
        "the reference weighting=equal lacks seed 7, which weighting=pcgrad has",
        f"{failed} failed (loss is nan)",
    )


def test_many_missing_pairs_are_counted(tmp_path):
    scores = {"equal": box(*[0.5] * 12), "pcgrad": box(0.6, 0.7, 0.8), "cagrad": box(*[0.5] * 12)}
    found = compared(write_sweep(tmp_path / "sweep", scores))
    assert found.notes == (
        "weighting=pcgrad lacks seed 3, seed 4, seed 5, seed 6, seed 7, seed 8 and 3 more, "
        "which the reference weighting=equal has",
    )


def test_a_single_seed(tmp_path):
    sweep = write_sweep(tmp_path / "sweep", {"equal": box(0.5), "pcgrad": box(0.6)})
    row = compared(sweep).rows[1]
    assert row.cells[IOU].interval is None
    assert (row.differences[IOU].verdict, row.differences[IOU].p) == ("too few", None)
    assert row.sentence == "1 common seed: it takes 3 or more to tell a difference from noise"


def test_options_of_members_are_columns_where_they_differ(tmp_path):
    for number, (weighting, changes) in enumerate(
        [
            ("equal", {}),
            ("pcgrad", {"weighting__every": 1}),
            ("pcgrad", {"weighting__every": 10}),
            ("equal", {"lr": 0.01}),
            ("equal", {"callbacks__ema__enabled": True}),
        ]
    ):
        # Names, seeds of folders, figures and workers are no settings.
        values = config(number, weighting, data__workers=number, **changes)
        values["callbacks"]["figures"]["enabled"] = bool(number % 2)
        write_run(tmp_path / str(number), values, {"box/iou": 0.5}, started=str(number))
    found = compared(tmp_path)
    assert found.columns == ("weighting", "weighting.every", "callbacks.ema.enabled", "lr")
    assert [row.label for row in found.rows] == [
        "weighting=equal callbacks.ema.enabled=false lr=0.001",
        "weighting=pcgrad weighting.every=1",
        "weighting=pcgrad weighting.every=10",
        "lr=0.01",
        "callbacks.ema.enabled=true",
    ]


def test_what_most_rows_share_goes_without_saying() -> None:
    plain = {"tasks": "a+b", "encoder": "shared", "encoder.networks": "", "fusion": "none"}
    rows = [
        plain,
        {**plain, "encoder": "per_task", "encoder.networks": "1"},
        {**plain, "encoder": "per_task", "encoder.networks": "2"},
        {**plain, "tasks": "a"},
        {**plain, "tasks": "b"},
        {**plain, "fusion": "mean"},
    ]
    assert telling(rows) == [
        # Most rows are so in all it has, and something has to name it.
        {"tasks": "a+b", "encoder": "shared", "fusion": "none"},
        {"encoder": "per_task", "encoder.networks": "1"},
        {"encoder": "per_task", "encoder.networks": "2"},
        {"tasks": "a"},
        {"tasks": "b"},
        {"fusion": "mean"},
    ]
    # Half of the rows are not most of them; what only others have can't name a row.
    assert telling([{"lr": "1"}, {"lr": "2"}]) == [{"lr": "1"}, {"lr": "2"}]
    few = [{"a": "1", "b": "1"}, {"a": "", "b": "1"}, {"a": "1", "b": "1"}]
    assert telling(few)[1] == {"b": "1"}
    assert telling([]) == []


def test_a_recipe_stands_for_what_follows_from_it(tmp_path):
    for number, (recipe, width, rate) in enumerate(
        [("joint", 16, 0.1), ("joint", 16, 0.2), ("mil", 8, 0.1), ("mil", 8, 0.2)]
    ):
        run = write_run(
            tmp_path / str(number),
            config(0, backbone__width=width, lr=rate),
            {"box/iou": 0.5},
            started=f"2026-01-0{number + 1}",
        )
        line = f"[x][mtl.cli.job][INFO] mtl train experiment={recipe} lr={rate} seed=0\n"
        (run / "app.log").write_text(line)
    found = compared(tmp_path)
    assert found.columns == ("experiment", "lr")
    assert found.rows[2].label == "experiment=mil lr=0.1"
    (run / "app.log").unlink()
    assert compared(tmp_path).columns == ("backbone.width", "lr")


def test_different_tasks_are_compared_where_both_have_them(tmp_path):
    for seed in range(3):
        alone = config(seed, tasks=("classification",))
        write_run(
            tmp_path / f"a{seed}", alone, {"classification/accuracy": 0.5 + seed / 100}, started="1"
        )
        both = {"classification/accuracy": 0.6 + seed / 50, "box/iou": 0.5}
        write_run(tmp_path / f"b{seed}", config(seed), both, started="2")
    found = compared(tmp_path)
    assert found.columns == ("tasks",)
    alone, together = found.rows
    assert alone.label == "tasks=classification"
    assert list(alone.cells) == [ACCURACY]
    assert list(together.cells) == [ACCURACY, IOU]
    assert list(together.differences) == [ACCURACY]
    # Gains of 0.10, 0.11 and 0.12.
    assert together.differences[ACCURACY].mean == pytest.approx(0.11)
    assert together.sentence == "better on classification"


def test_by_one_choice_pairs_over_the_others(tmp_path):
    """Differences of 0.1, 0.2 and 0.3 and 0.4 by seed and width; averaged within the seed."""
    gains = iter([0.1, 0.2, 0.3, 0.4])
    for seed in (0, 1):
        for width in (8, 16):
            for weighting, gain in (("equal", 0.0), ("pcgrad", next(gains))):
                write_run(
                    tmp_path / f"{seed}{width}{weighting}",
                    config(seed, weighting, backbone__width=width),
                    {"box/iou": width / 100 + seed / 10 + gain},
                    started=weighting,
                )
    found = compared(tmp_path, by="weighting")
    assert [row.label for row in found.rows] == ["weighting=equal", "weighting=pcgrad"]
    assert found.rows[0].cells[IOU].values == pytest.approx({"0": 0.12, "1": 0.22})
    assert found.rows[1].differences[IOU].values == pytest.approx({"0": 0.15, "1": 0.35})
    with pytest.raises(UserError, match=r"by=wieghting: .*; did you mean weighting"):
        compared(tmp_path, by="wieghting")


def test_by_one_choice_with_one_seed_pairs_over_settings(tmp_path):
    for width in (8, 16, 32):
        for weighting, gain in (("equal", 0.0), ("pcgrad", width / 100)):
            write_run(
                tmp_path / f"{width}{weighting}",
                config(0, weighting, backbone__width=width),
                {"box/iou": 0.2 + gain},
                started=weighting,
            )
    (tmp_path / "16pcgrad/results.json").unlink()
    found = compared(tmp_path, by="weighting")
    assert found.unit == "setting"
    assert found.rows[1].differences[IOU].values == pytest.approx(
        {"backbone.width=32": 0.32, "backbone.width=8": 0.08}
    )
    assert found.rows[1].differences[IOU].missing == ("seed 0 of backbone.width=16",)


def test_changes_against_single_tasks_in_both_signs(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep",
        {
            name: {seed: {"box/iou": 0.5, "delta_m": gain + seed / 100} for seed in (0, 1)}
            for name, gain in {"equal": -0.05, "pcgrad": 0.1}.items()
        },
    )
    gain, drop = compared(sweep), compared(sweep, delta="drop")
    assert [metric.name for metric in gain.metrics] == [IOU, "test/delta_m"]
    assert gain.metrics[1].larger
    assert not drop.metrics[1].larger
    assert gain.rows[1].cells["test/delta_m"].mean == pytest.approx(0.105)
    assert drop.rows[1].cells["test/delta_m"].mean == pytest.approx(-0.105)
    for found in (gain, drop):
        assert found.rows[1].cells["test/delta_m"].best


def test_other_data_is_said_and_long_settings_are_cut(tmp_path):
    for number in range(2):
        classes = [f"class{place}" for place in range(90 + number)]
        values = config(0, data__classes=classes)
        write_run(tmp_path / str(number), values, {"box/iou": 0.5}, started=str(number))
    found = compared(tmp_path)
    assert found.notes == (
        "rows differ in data.classes: their numbers may be of different test images; "
        "by=KEY compares one choice within each",
    )
    assert found.rows[0].settings["data.classes"].endswith("class89]")
    name, *_ = main_columns(found)
    assert [len(cell.text) for cell in name.cells] == [48, 48]
    # Cut, they would be the same.
    assert found.rows[1].name.endswith("class90]")


def test_a_strangers_settings_do_not_steer_the_terminal(tmp_path):
    for number, sign in enumerate("ab"):
        values = config(0, backbone___target_=f"mine.\x1b[2J{sign}")
        write_run(tmp_path / str(number), values, {"box/iou": 0.5}, started=str(number))
    assert [row.label for row in compared(tmp_path).rows] == ["backbone=?[2Ja", "backbone=?[2Jb"]


def test_of_runs_with_the_same_settings_and_seed_the_newest_counts(tmp_path):
    for name, started, value in (("a", "2026-01-02", 0.7), ("b", "2026-01-01", 0.5)):
        write_run(tmp_path / name, config(0), {"box/iou": value}, started=started)
    found = compared(tmp_path)
    assert found.rows[0].label == "all runs"
    assert found.rows[0].cells[IOU].mean == pytest.approx(0.7)
    (passed,) = found.passed_over
    assert passed.path == tmp_path / "b"
    assert passed.reason == f"has the settings and the seed of {tmp_path / 'a'}, which is newer"


def test_the_reference_by_name(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep", {"equal": box(0.5), "pcgrad": box(0.6), "cagrad": box(0.6)}
    )
    assert compared(sweep, reference="pcgrad").reference == 1
    assert compared(sweep, reference="weighting=cagrad").reference == 2
    with pytest.raises(UserError, match="no row is so; did you mean 'pcgrad'"):
        compared(sweep, reference="pcgrat")
    write_run(tmp_path / "more", config(0, "pcgrad", lr=1.0), {"box/iou": 0.5})
    both = (
        r"=pcgrad: fits 2 rows; choose one of 'weighting=pcgrad lr=0.001', 'weighting=pcgrad lr=1'"
    )
    with pytest.raises(UserError, match=both):
        compared(sweep, tmp_path / "more", reference="weighting=pcgrad")
    chosen = compared(sweep, tmp_path / "more", reference="weighting=pcgrad lr=1")
    assert chosen.reference == 3
    # As the rows' names are printed.
    assert [row.name for row in chosen.rows] == ["equal", "pcgrad", "cagrad", "pcgrad lr=1"]
    for place, row in enumerate(chosen.rows):
        assert compared(sweep, tmp_path / "more", reference=row.name).reference == place


def test_metrics_that_no_run_has(tmp_path):
    sweep = write_sweep(tmp_path / "sweep", {"equal": box(0.5)})
    with pytest.raises(UserError, match="no run has it; did you mean test/box/iou"):
        compared(sweep, metrics=("box/iuo",))
    (sweep / "weighting-equal_seed-0/results.json").write_text('{"metrics": {}, "seed": 0}')
    with pytest.raises(UserError, match="these runs have no metrics"):
        compared(sweep)


def test_validation_where_nothing_was_tested(tmp_path):
    run = write_run(tmp_path / "run", config(0), {})
    (run / "results.json").write_text('{"metrics": {"val/box/iou": 0.5, "val/score": 0.5}}')
    found = compared(run)
    assert [metric.name for metric in found.metrics] == ["val/box/iou"]
    assert found.notes == (
        "no run was evaluated on the test split: these are numbers of validation",
    )


def test_nothing_has_finished(tmp_path):
    write_run(tmp_path / "run", config(0), None, state="failed")
    with pytest.raises(UserError, match=r"no finished run to compare; .*run: failed"):
        compared(tmp_path)


def test_kept_samples_give_intervals_over_images_and_mcnemar(tmp_path):
    sweep = write_sweep(
        tmp_path / "sweep",
        {
            name: {0: {"classification/accuracy": value}}
            for name, value in {"equal": 0.5, "pcgrad": 0.58}.items()
        },
        tasks=("classification",),
    )
    right = {"equal": [1] * 50 + [0] * 50, "pcgrad": [1] * 48 + [0] * 2 + [1] * 10 + [0] * 40}
    for name, hits in right.items():
        folder = sweep / f"weighting-{name}_seed-0/samples"
        folder.mkdir()
        columns = {
            "ids": packed([str(number) for number in range(100)]),
            "kind": np.array("values"),
            "metric": np.array("accuracy"),
            "value": np.array(hits, float),
            "right": np.array(hits, bool),
        }
        np.savez(folder / "test.npz", **{f"classification/{k}": v for k, v in columns.items()})
    row = compared(sweep).rows[1]
    low, high = row.cells[ACCURACY].over_images
    assert low == pytest.approx(0.58 - 1.96 * 0.049, abs=0.025)
    assert high == pytest.approx(0.58 + 1.96 * 0.049, abs=0.025)
    (test,) = row.differences[ACCURACY].mcnemar
    assert (test.unit, test.only_row, test.only_reference) == ("0", 10, 2)
    assert row.sentence.endswith(
        "10 test images only it gets right on classification, 2 only the reference "
        "(McNemar p = 0.039)"
    )
    broken = sweep / "weighting-pcgrad_seed-0/samples/test.npz"
    broken.write_bytes(b"nothing")
    found = compared(sweep)
    assert found.rows[1].cells[ACCURACY].over_images is None
    assert [passed.path for passed in found.passed_over] == [broken]


@pytest.mark.parametrize("group", groups_of_one_class())
def test_every_member_is_found_by_what_a_configuration_holds(group):
    """Several of a group may share a class: they are told apart by their values."""
    for name in members(group):
        assert MemberNames().of(group, node_of(group, name)) == name


def test_a_class_of_nobodys_member_goes_by_its_own_name():
    assert MemberNames().of("backbone", {"_target_": "mine.tiny.Tiny"}) == "Tiny"


def test_a_class_of_nobodys_member_goes_by_the_name_that_commands_chose_it_by():
    own = {"_target_": "mine.softmaxed.Softmaxed", "temperature": 1.0}
    head = {"_target_": "mine.heads.Plain"}
    config = {"weighting": own, "heads": {"box": head}, "lr": 1}
    names = MemberNames()
    names.learn(config, ["weighting=softmaxed", "weighting.temperature=1", "lr=1", "seed=0"])
    names.learn(config, ["+head@heads.box=plain_box", "head@heads.other=no", "backbone=x"])
    assert names.of("weighting", own) == "softmaxed"
    assert names.of("weighting", {**own, "temperature": 2.0}) == "softmaxed"
    assert names.of("head", head) == "plain_box"
    # Two names for one class tell nothing, and neither does what is no name.
    other = MemberNames()
    other.learn(config, ["weighting=softmaxed"])
    other.learn(config, ["weighting=hot"])
    assert other.of("weighting", own) == "Softmaxed"
    third = MemberNames()
    third.learn(config, ["weighting={_target_: x}"])
    third.learn({"heads": 3}, ["weighting=a", "head@heads.box=b"])
    assert third.of("weighting", own) == "Softmaxed"
    # What a member has is its own, whatever was typed.
    equal = node_of("weighting", "equal")
    names.learn({"weighting": equal}, ["weighting=mine"])
    assert names.of("weighting", equal) == "equal"


def test_rows_of_a_users_own_member_have_its_name(tmp_path):
    """Without its folder: as the sweep's own table names them."""
    for seed in range(2):
        for name in ("equal", "softmaxed"):
            values = config(seed)
            if name == "softmaxed":
                values["weighting"] = {"_target_": "mine.softmaxed.Softmaxed", "temperature": 1.0}
            run = write_run(tmp_path / f"{name}{seed}", values, {"box/iou": 0.5 + seed / 10})
            log = f"[2026][mtl.cli.job][INFO] mtl train weighting={name} seed={seed}\n"
            (run / "app.log").write_text(log)
    found = compare(find_runs([tmp_path / "*"]))
    assert sorted(row.name for row in found.rows) == ["equal", "softmaxed"]


def test_members_of_a_users_folder(tmp_path):
    (tmp_path / "backbone").mkdir()
    (tmp_path / "backbone/small.yaml").write_text("# Mine.\n_target_: mine.tiny.Tiny\n")
    assert MemberNames(tmp_path).of("backbone", {"_target_": "mine.tiny.Tiny"}) == "small"


@pytest.mark.slow
def test_a_thousand_runs(tmp_path):
    """100 settings and 10 seeds, copied from one folder."""
    random = np.random.default_rng(0)
    first = write_run(tmp_path / "first", config(0), {"box/iou": 0.0})
    text = (first / "config.yaml").read_text()
    shutil.rmtree(first)
    for number in range(100):
        for seed in range(10):
            run = tmp_path / f"{number:02}_{seed}"
            run.mkdir()
            own = text.replace("seed: 0\n", f"seed: {seed}\n")
            (run / "config.yaml").write_text(own.replace("lr: 0.001", f"lr: 0.{number + 1:03}"))
            score = 0.5 + number / 1000 + random.normal(0, 0.01)
            (run / "results.json").write_text(f'{{"metrics": {{"{IOU}": {score}}}}}')
    found = compared(tmp_path)
    assert len(found.rows) == 100
    assert {len(row.runs) for row in found.rows} == {10}
    assert found.rows[99].differences[IOU].verdict == "better"
