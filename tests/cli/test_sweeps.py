"""Sweeps: planned quickly, run in this process or others, with one folder that explains itself."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl.cli.sweep_plan import composed_jobs, plan_sweep, search_settings
from mtl.config import compose as compose_module
from mtl.config import load
from mtl.config.compose import compose, with_values
from mtl.config.finalise import finalise
from mtl.config.schema import composed_defaults
from mtl.errors import UserError

TINY = [
    *("data.train=16", "data.val=8", "data.test=8", "image_size=32", "backbone.width=8"),
    *("epochs=1", "batch_size=8", "augmentation=none", "callbacks.progress.enabled=false"),
    *("callbacks.figures.enabled=false", "callbacks.curves.enabled=false"),
]


def test_values_changed_afterwards_are_as_if_composed_with():
    overrides = ["tasks=[box]", "lr=0.5", "heads.box.weight=2", "++epochs=3"]
    whole = finalise(compose(["backbone=resnet18", *overrides]))
    assert finalise(with_values(compose(["backbone=resnet18"]), overrides)) == whole
    with pytest.raises(UserError, match="unknown key 'epohcs'; did you mean epochs=10"):
        with_values(compose([]), ["epohcs=3"])


def test_files_are_read_once_for_jobs_with_the_same_members(monkeypatch):
    composed: list[object] = []
    original = compose_module.compose_or_raise

    def counted(overrides, config_dir=None):
        composed.append(tuple(overrides))
        return original(overrides, config_dir)

    monkeypatch.setattr(compose_module, "compose_or_raise", counted)
    jobs = [[f"lr={number}", "backbone=resnet18"] for number in range(1, 9)]
    found = composed_jobs(jobs, None)
    assert [cfg.lr for cfg, _ in found] == list(range(1, 9))
    assert composed == [("backbone=resnet18",)]


def test_jobs_compose_without_what_planning_has_warmed(mtl, stub_train):
    """Hydra is set up already when a job looks up the defaults."""

    def act(cfg, folder):
        composed_defaults.cache_clear()
        return {"val/score": 0.5}

    stub_train.act = act
    assert mtl("train", "-m", "seed=1,2,3").code == 0
    assert len(stub_train.calls) == 3


def test_name_of_a_sweep_with_other_settings(mtl, stub_train):
    def act(cfg, folder):
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
        return {"val/score": 0.5}

    stub_train.act = act
    assert mtl("train", "-m", "name=mine", "seed=1,2").code == 0
    assert mtl("train", "-m", "name=mine", "seed=1,2,3").code == 0
    stub_train.calls.clear()
    result = mtl("train", "-m", "name=mine", "seed=4,2", "epochs=3")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "outputs/sweeps/mine holds a sweep whose job seed-2 has epochs=10, not 3" in result.err
    assert stub_train.calls == []


def test_search_knows_where_better_is_and_that_jobs_may_fail():
    sweeper = OmegaConf.create({"direction": "minimize", "max_failure_rate": 0.0})
    score = load([])
    assert search_settings(sweeper, [], score) == [
        "hydra.sweeper.direction=maximize",
        "hydra.sweeper.max_failure_rate=1.0",
    ]
    loss = load(["monitor=val/loss"])
    assert search_settings(sweeper, [], loss)[0] == "hydra.sweeper.direction=minimize"
    assert search_settings(sweeper, ["hydra.sweeper.direction"], loss)[1:] == []
    assert search_settings(OmegaConf.create({"params": None}), [], score) == []


@pytest.mark.parametrize(
    ("sweep", "plugin", "package"),
    [
        ("joblib", "hydra_plugins.hydra_joblib_launcher", "hydra-joblib-launcher"),
        ("optuna", "hydra_plugins.hydra_optuna_sweeper", "hydra-optuna-sweeper"),
    ],
)
def test_sweeps_of_packages_that_are_not_installed(mtl, stub_train, sweep, plugin, package):
    if installed(plugin):
        pytest.skip(f"{package} is installed")
    result = mtl("train", "-m", f"sweep={sweep}", "seed=1,2")
    assert result.code == 2
    assert f"needs the package {package}: pip install 'mtl[{sweep}]'" in result.err
    assert result.err.count("\n") == 1


def installed(plugin: str) -> bool:
    try:
        return importlib.util.find_spec(plugin) is not None
    except ModuleNotFoundError:
        return False


def test_columns_of_a_table_are_planned():
    plan = plan_sweep(["tasks=[box],[classification,box]", "seed=1,0", "lr=0.1"], None)
    assert plan.metrics == [
        *("box/iou", "classification/accuracy", "box/mae", "box/mse", "box/recall50"),
        *("classification/balanced_accuracy", "classification/auroc"),
    ]
    assert plan.varies == {"tasks": ["box", "classification+box"], "seed": [1, 0]}


def test_jobs_leave_no_threads_and_name_every_tasks_metric(mtl):
    """The second job has started all that lives as long as the process."""
    counts: list[int] = []
    from mtl.runs import train as module

    original = module.train

    def counted(cfg, folder):
        metrics = original(cfg, folder)
        counts.append(threading.active_count())
        return metrics

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train", counted)
        result = mtl("train", "-m", "tasks=[box],[classification]", "lr=1e-3,1e-4", *TINY)
    assert result.code == 0, result.err
    assert len(counts) == 4
    assert counts[1] == counts[3]

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    for folder in Path("outputs/sweeps/shapes").glob("tasks-*"):
        events = EventAccumulator(str(folder)).Reload()
        content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
        data = plugin_data_pb2.HParamsPluginData.FromString(content)
        tags = {info.name.tag for info in data.experiment.metric_infos}
        assert {"test/score", "test/box/iou", "test/classification/accuracy"} <= tags
        own = {tag for tag in events.Tags()["scalars"] if tag.startswith("test/")}
        task = "box/iou" if "tasks-box" in folder.name else "classification/accuracy"
        assert {"test/score", f"test/{task}"} == own & {
            *("test/score", "test/box/iou", "test/classification/accuracy")
        }
        assert len(list(folder.glob("events.out.tfevents.*"))) == 1


@pytest.mark.parametrize("sweep", ["joblib", "optuna"])
def test_sweeps_in_other_processes_and_searches(tmp_path, sweep):
    names = {"joblib": "hydra_joblib_launcher", "optuna": "hydra_optuna_sweeper"}
    pytest.importorskip(f"hydra_plugins.{names[sweep]}")
    lr = {"joblib": "lr=1e-3,1e-4,-1", "optuna": "lr=choice(1e-3,1e-4,-1)"}[sweep]
    own = ["hydra/sweeper/sampler=grid"] if sweep == "optuna" else []
    arguments = ["train", "-m", f"sweep={sweep}", lr, "tasks=[classification]", *TINY, *own]
    done = subprocess.run(
        [sys.executable, "-m", "mtl", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [
        json.loads(line) for line in next(tmp_path.rglob("jobs.jsonl")).read_text().splitlines()
    ]
    states = [row["state"] for row in rows]
    assert sorted(states) == ["failed", "finished", "finished"], done.stderr
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
