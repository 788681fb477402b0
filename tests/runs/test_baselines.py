"""Baselines: what they are, that they are trained once, and what their results become."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from mtl.cli.sweeps.plan import Planner, plan_sweep
from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.config.saved import open_run
from mtl.errors import Interrupted, InUse, RunError, UserError
from mtl.runs.baselines import training
from mtl.runs.baselines.measured import measured
from mtl.runs.baselines.single import Baseline, baselines_of, single
from mtl.runs.baselines.training import train_baselines, train_run
from mtl.runs.baselines.words import caveat_lines, gain_lines, gain_rows
from mtl.runs.folder import RunFolder

TWO = ["tasks=[classification,box]"]


@pytest.fixture(scope="module")
def cfg() -> DictConfig:
    metrics = ["heads.box.metrics=[iou,mae]", "heads.classification.metrics=[accuracy]"]
    return load([*TWO, *metrics, "baselines=true"])


def changed(cfg: DictConfig, **changes: Any) -> DictConfig:
    """A copy; ``heads__box__weight`` stands for ``heads.box.weight``."""
    copied = cfg.copy()
    for key, value in changes.items():
        OmegaConf.update(copied, key.replace("__", "."), value, merge=False, force_add=True)
    return copied


def member(group: str, name: str, **options: Any) -> dict[str, Any]:
    return {**node_of(group, name), **options}


@pytest.mark.parametrize(
    ("encoder", "alone"),
    [
        (member("encoder", "per_task"), "shared.Shared"),
        (member("encoder", "multi_branch"), "shared.Shared"),
        (member("encoder", "cross_stitch"), "shared.Shared"),
        (member("encoder", "mmoe"), "shared.Shared"),
        (member("encoder", "shared"), "shared.Shared"),
        (member("encoder", "branches"), "branches.Branches"),
        (member("encoder", "siamese"), "siamese.Siamese"),
        (member("encoder", "per_task", networks=2), "per_task.PerTask"),
    ],
)
def test_encoders_that_share_between_tasks_become_plain(
    cfg: DictConfig, encoder: dict[str, Any], alone: str
) -> None:
    found = single(changed(cfg, encoder=encoder), "box").encoder
    assert found._target_ == f"mtl.model.encoder.{alone}"
    assert found == (member("encoder", "shared") if alone == "shared.Shared" else encoder)


def test_what_belongs_to_other_tasks_goes(cfg: DictConfig) -> None:
    several = changed(
        cfg,
        weighting=member("weighting", "pcgrad"),
        fusion=member("fusion", "attention", exchange="concat"),
        heads__box__weight=3,
        callbacks__conflict__enabled=True,
        monitor="val/box/mae",
        callbacks__early_stopping__monitor="val/loss",
    )
    box, label = single(several, "box"), single(several, "classification")
    assert (box.monitor, label.monitor) == ("val/box/mae", "val/score")
    assert box.callbacks.early_stopping.monitor == "val/loss"
    assert box.heads.box == {**cfg.heads.box, "weight": 1.0}
    assert box.fusion == {**several.fusion, "exchange": "none"}
    assert box.weighting == member("weighting", "equal")
    assert not box.callbacks.conflict.enabled
    assert several.heads.box.weight == 3


def folders(cfg: DictConfig, **changes: Any) -> list[Path]:
    return [baseline.folder for baseline in baselines_of(changed(cfg, **changes))]


@pytest.mark.slow
def test_runs_share_baselines_where_nothing_else_differs(cfg: DictConfig) -> None:
    plain = folders(cfg)
    assert [folder.parent for folder in plain] == 2 * [Path("outputs/baselines")]
    assert [folder.name.rpartition("-")[0] for folder in plain] == ["classification", "box"]
    same = folders(
        cfg,
        name="other",
        baselines=False,
        callbacks__checkpoint__monitors="tasks",
        logger={},
        weighting=member("weighting", "famo"),
        encoder=member("encoder", "mtan"),
        fusion__exchange="concat",
        heads__box__weight=0.3,
        data__workers=1,
        callbacks__progress__enabled=False,
    )
    assert same == plain
    for other in ({"seed": 1}, {"lr": 0.1}, {"epochs": 3}, {"backbone__width": 8}):
        assert not {*folders(cfg, **other)} & {*plain}, other
    label, box = folders(cfg, heads__box__grid=2)
    assert (label == plain[0], box == plain[1]) == (True, False)


def test_a_run_of_one_task_has_none(cfg: DictConfig) -> None:
    assert baselines_of(changed(cfg, tasks=["box"], heads={"box": cfg.heads.box})) == []


@pytest.mark.slow
def test_a_saved_run_has_the_same_baselines(cfg: DictConfig, tmp_path: Path) -> None:
    run = changed(cfg, lr=1e-5, weighting=member("weighting", "pcgrad"))
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(run, resolve=True))
    assert baselines_of(open_run(tmp_path)) == baselines_of(run)


def leave(folder: Path, cfg: DictConfig, **metrics: float) -> None:
    """What a finished run leaves; ``test__box__iou`` stands for ``test/box/iou``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    (folder / "status.json").write_text('{"state": "finished"}')
    named = {name.replace("__", "/"): value for name, value in metrics.items()}
    (folder / "results.json").write_text(json.dumps({"metrics": named, "seed": 0}))


def test_gain_of_a_run_over_its_baselines(cfg: DictConfig, tmp_path: Path) -> None:
    leave(tmp_path / "a", cfg, test__classification__accuracy=0.8, val__classification__accuracy=1)
    leave(tmp_path / "b", cfg, test__box__iou=0.5, test__box__mae=10, test__box__loss=1)
    metrics = {"val/box/iou": 0.1, "test/box/loss": 9.0, "test/box/iou": 0.45, "test/box/mae": 8.0}
    metrics |= {"test/classification/accuracy": 0.88, "test/classification/recall_a": 0.9}
    baselines = {"classification": tmp_path / "a", "box": tmp_path / "b"}
    found = measured(cfg, metrics, baselines)
    assert found.metrics == pytest.approx(
        {"test/delta_m": 0.075, "test/classification/delta": 0.1, "test/box/delta": 0.05}
    )
    assert found.entry["metrics"] == pytest.approx(
        {"test/classification/accuracy": 0.1, "test/box/iou": -0.1, "test/box/mae": 0.2}
    )
    assert found.entry["delta_m_over_metrics"] == pytest.approx(0.2 / 3)
    assert found.entry["alone"] == {
        "test/classification/accuracy": 0.8,
        "test/box/iou": 0.5,
        "test/box/mae": 10,
    }
    assert found.entry["ruled_by"] == {}
    assert found.entry["baselines"] == {task: str(folder) for task, folder in baselines.items()}
    assert gain_lines(found.entry) == [
        "multi-task gain +7.5 % (against each task alone: classification +10.0 %, box +5.0 %)"
    ]
    results = {"gain": found.entry, "labelled": {"test": {"classification": 22, "box": 19}}}
    told = "mtl compare of several seeds tells whether the gain is real"
    assert caveat_lines(results) == [f"of one seed and 19 to 22 labelled test images: {told}"]
    results["labelled"]["test"] = {"classification": 22, "box": 22, "other": 3}
    assert caveat_lines(results) == [f"of one seed and 22 labelled test images: {told}"]
    assert caveat_lines({"gain": found.entry}) == [f"of one seed: {told}"]
    assert caveat_lines({"gain": {**found.entry, "tasks": {}}}) == []
    assert gain_rows(found)[1:] == [
        ["test/box/iou", "0.5000", "0.4500", "-10.0 %"],
        ["test/box/mae", "10.0000", "8.0000", "+20.0 %"],
        ["classification", "", "", "+10.0 %"],
        ["box", "", "", "+5.0 %"],
        ["all tasks", "", "", "+7.5 %"],
    ]


def test_a_baseline_near_0_is_said_with_the_gain(cfg: DictConfig, tmp_path: Path) -> None:
    leave(tmp_path / "a", cfg, test__classification__accuracy=0.8)
    leave(tmp_path / "b", cfg, test__box__iou=0.02, test__box__mae=10)
    metrics = {"test/classification/accuracy": 0.8, "test/box/iou": 0.03, "test/box/mae": 10.0}
    found = measured(cfg, metrics, {"classification": tmp_path / "a", "box": tmp_path / "b"})
    assert found.entry["ruled_by"] == pytest.approx({"test/box/iou": 0.125})
    assert gain_lines(found.entry)[1:] == [
        "test/box/iou is 0.02 alone, so near to 0 that any change is large: +12.5 % of the gain's "
        "+12.5 % come from it; look at its own values"
    ]


def test_gain_on_validation_and_without_a_baseline(cfg: DictConfig, tmp_path: Path) -> None:
    leave(tmp_path / "a", cfg, val__classification__accuracy=0.8)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "results.json").write_text("half")
    metrics = {"val/classification/accuracy": 0.4, "val/box/iou": 0.5, "val/box/mae": 1.0}
    found = measured(cfg, metrics, {"classification": tmp_path / "a", "box": tmp_path / "b"})
    assert found.metrics == {"val/classification/delta": pytest.approx(-0.5)}
    assert gain_lines(found.entry) == [
        "against each task alone: classification -50.0 %",
        "left out of the gain: box/iou, box/mae: the task alone has no value",
    ]


def baseline(folder: Path, task: str) -> Baseline:
    return Baseline(task, OmegaConf.create({"seed": 0}), folder / task)


@pytest.fixture
def acted(stub_train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Training leaves a finished run; waiting takes no time."""

    def act(cfg: DictConfig, folder: Path) -> dict[str, float]:
        leave(folder, cfg, test__score=0.5)
        return {"test/score": 0.5, "test/delta_m": 0.25}

    stub_train.act = act
    monkeypatch.setattr(training, "POLL", 0)
    return stub_train


def names(calls: list[tuple[Any, Path]]) -> list[str]:
    return [folder.name.rpartition("-")[0] or folder.name for _, folder in calls]


def test_what_another_process_trains_is_left_for_later(
    acted: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []

    def busy(cfg: DictConfig, folder: Path) -> dict[str, float]:
        tried.append(folder.name)
        if tried.count("box") < 3 and folder.name == "box":
            raise InUse("by another")
        leave(folder, cfg)
        return {}

    acted.act = busy
    train_baselines([baseline(tmp_path, task) for task in ("box", "depth")])
    assert tried == ["box", "depth", "box", "box"]
    out = capsys.readouterr().out
    assert out.count("baseline 1 of 2: box, seed 0: another process is training it") == 1
    assert "baseline 2 of 2: depth, seed 0 (" in out


def test_one_that_fails_is_said_and_the_others_go_on(
    acted: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(cfg: DictConfig, folder: Path) -> dict[str, float]:
        if folder.name == "box":
            raise RunError("the loss is nan")
        leave(folder, cfg)
        return {}

    acted.act = failing
    both = [baseline(tmp_path, task) for task in ("box", "depth")]
    train_baselines(both)
    assert [one.finished for one in both] == [False, True]
    assert "baseline 1 of 2: box, seed 0: failed: the loss is nan" in capsys.readouterr().out


def test_an_interrupted_baseline_is_gone_on_with_by_the_run_s_command(
    acted: ModuleType, cfg: DictConfig, tmp_path: Path
) -> None:
    def stopped(cfg: DictConfig, folder: Path) -> dict[str, float]:
        raise Interrupted(folder, resumable=False)

    acted.act = stopped
    with pytest.raises(Interrupted) as stop:
        train_run(cfg, tmp_path / "run", tmp_path / "baselines")
    assert (stop.value.folder, stop.value.resumable) == (tmp_path / "run", True)


def test_a_run_that_another_process_has_finished_is_left_alone(
    cfg: DictConfig, tmp_path: Path
) -> None:
    leave(tmp_path / "run", cfg)
    run = RunFolder(tmp_path / "run")
    assert not run.begin(cfg)
    assert run.finished
    assert run._lock is None


@pytest.mark.slow
def test_runs_train_what_is_missing(
    acted: ModuleType, cfg: DictConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "baselines"
    train_run(cfg, tmp_path / "first", root)
    assert names(acted.calls) == ["classification", "box", "first"]
    other = changed(cfg, weighting=member("weighting", "famo"))
    train_run(other, tmp_path / "second", root)
    assert names(acted.calls[3:]) == ["second"]
    said = capsys.readouterr().out
    assert "baseline 1 of 2: classification, seed 0 (classification-" in said
    assert "baseline 2 of 2: box, seed 0: trained before\n" in said
    with pytest.raises(UserError, match="holds a run with seed=0, not 5"):
        train_run(changed(other, seed=5), tmp_path / "first", root)
    one = changed(cfg, tasks=["box"], heads={"box": cfg.heads.box})
    train_run(one, tmp_path / "third", root)
    assert names(acted.calls[4:]) == ["third"]
    assert "a run of one task, box, is its own baseline" in capsys.readouterr().out


@pytest.mark.slow
def test_jobs_of_a_sweep_share_baselines(mtl: Callable[..., Any], acted: ModuleType) -> None:
    sweep = [*TWO, "baselines=true", "weighting=equal,pcgrad"]
    result = mtl("train", "-m", *sweep)
    assert result.code == 0, result.err
    assert "2 baselines for 2 jobs in outputs/baselines, 0 trained before\n" in result.out
    assert sorted(names(acted.calls))[:2] == ["box", "classification"]
    assert len(acted.calls) == 4
    assert result.out.count("+25.0 %") == 2
    plan = plan_sweep(Planner([*sweep, "seed=0,1"], None))
    assert (len(plan.jobs), [b.finished for b in plan.baselines]) == (4, [True, True, False, False])
    assert plan.metrics[:3] == ["delta_m", "classification/accuracy", "box/iou"]


@pytest.mark.slow
def test_gain_of_a_finished_run(
    mtl: Callable[..., Any], acted: ModuleType, cfg: DictConfig
) -> None:
    plain = changed(cfg, logger={})
    values = {f"test__{task}__{head.metrics[0]}": 0.6 for task, head in cfg.heads.items()}
    leave(Path("run"), plain, **values, test__box__delta=9.0)
    leave(Path("alone"), changed(plain, tasks=["box"], heads={"box": cfg.heads.box}))
    leave(Path("begun"), plain)
    Path("begun/status.json").write_text('{"state": "interrupted"}')

    def act(own: DictConfig, folder: Path) -> dict[str, float]:
        (task,) = own.tasks
        leave(folder, own, **{f"test__{task}__{own.heads[task].metrics[0]}": 0.5})
        return {}

    acted.act = act
    result = mtl("baselines", "runs=[run,alone,begun]")
    assert result.code == 0, result.err
    assert "alone: has one task, box, and is its own baseline" in result.out
    assert "passed over: begun: has not finished" in result.out
    assert "multi-task gain +20.0 %" in result.out
    assert result.out.count("of one seed: mtl compare of several seeds tells") == 1
    found = json.loads(Path("run/results.json").read_text())
    assert found["metrics"]["test/delta_m"] == pytest.approx(0.2)
    assert found["metrics"]["test/box/delta"] == pytest.approx(0.2)
    assert found["seed"] == 0
    assert found["gain"]["left_out"] == {"box/mae": "the run has no value"}
    again = mtl("baselines", "run=run")
    assert again.out.count("trained before") == 2
    assert json.loads(Path("run/results.json").read_text()) == found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "run= is needed: write run=outputs/runs/NAME/TIME"),
        (["run=a", "runs=[b]"], "run= is one run and runs=[...] are several"),
        (["run=begun"], "begun: has not finished"),
        (["run=nowhere"], "run=nowhere: no such folder"),
        (["rum=begun"], "unknown key 'rum'; did you mean run=?"),
        (["run=begun", "epochs=3"], "epochs=3: baselines are trained on the run's own terms"),
    ],
)
def test_mistakes(
    mtl: Callable[..., Any], cfg: DictConfig, arguments: list[str], said: str
) -> None:
    leave(Path("begun"), cfg)
    Path("begun/status.json").write_text('{"state": "running"}')
    result = mtl("baselines", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err
