"""``mtl compress steps=[distill]``: whose student it is, who teaches it, and what is left of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from training_kit import checkpoint, write_conf

from mtl.config.compression import step_nodes
from mtl.config.instantiate import make
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.model.build import build_network
from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.distill import Distill


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


@pytest.fixture(scope="module")
def cfg(conf: Path) -> DictConfig:
    settings = ["data=alternating", "backbone=plain", "trainer=debug", "batch_size=4"]
    return load([*settings, "logger=none", "callbacks.progress.enabled=false"], conf)


def work_of(cfg: DictConfig, conf: Path, out: Path) -> Workpiece:
    data = build_data(cfg)
    data.prepare_data()
    torch.manual_seed(0)
    network = build_network(cfg, data.targets).eval()
    own = {"config_dir": conf, "trust": ["training_kit"]}
    return Workpiece(cfg, Path("old"), "best", out, data, network, step=1, **own)


def distill(*overrides: str) -> Distill:
    nodes, others = step_nodes(["distill"], overrides)
    assert others == []
    made: Any = make(nodes["distill"], Step)
    return made  # type: ignore[no-any-return]


def test_its_options_are_held_to_what_they_may_be() -> None:
    nodes, _ = step_nodes(["distill"], ["distill.overrides={image_size: 96, backbone.width: 8}"])
    assert nodes["distill"]["overrides"] == {"image_size": 96, "backbone.width": 8}
    for wrong in ("weight=0", "weight=1.5", "temperature=0", "wieght=1"):
        with pytest.raises(UserError, match=f"distill.{wrong.partition('=')[0]}"):
            step_nodes(["distill"], [f"distill.{wrong}"])
    with pytest.raises(UserError, match=r"distill\.overrides=\[seed\]: write 'distill\.overrides="):
        distill("distill.overrides=[seed]")


def test_what_cannot_be_taught_is_refused_first(
    cfg: DictConfig, conf: Path, tmp_path: Path
) -> None:
    work = work_of(cfg, conf, tmp_path)
    with pytest.raises(UserError, match="no task 'c'"):
        distill("distill.teachers={c: x}").check(work)
    with pytest.raises(UserError, match="no backbone 'plian'; did you mean 'plain'"):
        distill("distill.backbone=plian").check(work)
    with pytest.raises(UserError, match="a student keeps the run's tasks"):
        distill("distill.overrides={tasks: [a]}").check(work)
    with pytest.raises(UserError, match=r"trained with preprocess\.fit=stretch"):
        distill("distill.overrides={preprocess.fit: letterbox}").check(work)
    distill("distill.overrides={image_size: 32}").check(work)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_student_is_a_run_and_takes_the_networks_place(
    cfg: DictConfig, conf: Path, tmp_path: Path
) -> None:
    work = work_of(cfg, conf, tmp_path)
    old = {name: value.clone() for name, value in work.network.state_dict().items()}
    teacher = work.network
    changes = "{backbone.width: 8, backbone.mean: [0.1, 0.2, 0.3]}"
    step = distill("distill.backbone=small_cnn", f"distill.overrides={changes}")
    step.apply(work)
    assert all(torch.equal(value, old[name]) for name, value in teacher.state_dict().items())
    assert work.network is not teacher
    assert not work.network.training
    assert work.cfg.backbone.width == 8
    # A student's pictures are normalised as its own backbone has it.
    assert work.data.preprocess.mean == (0.1, 0.2, 0.3)
    folder = tmp_path / "student"
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    assert json.loads((folder / "distillation.json").read_text()) == {
        "teachers": {"a": "old", "b": "old"},
        "weight": 0.5,
        "temperature": 2.0,
    }
    best = checkpoint(folder, "best")["state_dict"]
    for name, value in work.network.state_dict().items():
        assert torch.equal(value, best[f"network.{name}"])

    again = work_of(cfg, conf, tmp_path)
    step.apply(again)  # it has finished and is not trained anew
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, best[f"network.{name}"])

    by_two = distill(f"distill.teachers={{a: {folder}}}")
    own = work_of(cfg, conf, tmp_path / "more")
    found = by_two._teachers(own, cfg)
    assert [(teacher.name, teacher.tasks) for teacher in found] == [
        (str(folder), ("a",)),
        ("old", ("b",)),
    ]
    by_two.check(own)
