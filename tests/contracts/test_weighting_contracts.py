"""What every weighting has to do in a training, with labels that are partial."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as L
import torch
from contracts_kit import every, node
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor
from training_kit import Recorder, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network

pytestmark = pytest.mark.slow
BASE = [
    "data=alternating",
    "data.train=10",
    "data.val=1",
    "data.test=1",
    "backbone=plain",
    "augmentation=none",
    "batch_size=2",
    "epochs=2",
    "scheduler=constant",
    "lr=0.01",
    "optimizer=sgd",
    "optimizer.momentum=0",
    "optimizer.nesterov=false",
    "optimizer.weight_decay=0",
]
"""Plain steps of gradient descent, so that what has no gradient stays where it is."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    # Composing once is far quicker than once for each method.
    cfg = load(BASE, write_conf(tmp_path_factory.mktemp("conf")))
    OmegaConf.set_struct(cfg, False)
    return cfg


class Keep(Checkpoint):
    """Saves the first epoch's checkpoint, after the module has ended the epoch."""

    last_model_path = ""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(self.path)


@dataclass
class Training:
    """One member's run of two epochs, with its configuration."""

    cfg: DictConfig
    folder: Path
    recorder: Recorder
    module: MultiTaskModule


def train(cfg: DictConfig, folder: Path, resume: Path | None = None) -> Training:
    quiet_lightning()
    torch.manual_seed(cfg.seed)
    data = build_data(cfg)
    data.prepare_data()
    module = build_module(cfg, build_network(cfg, data.targets))
    recorder = Recorder()
    trainer = build_trainer(cfg, folder, [recorder, Keep(folder / "first.ckpt")], [])
    if resume is None:
        trainer.fit(module, datamodule=data)
    else:
        data.first_epoch = 1
        trainer.fit(module, datamodule=data, ckpt_path=str(resume), weights_only=True)
    return Training(cfg, folder, recorder, module)


@pytest.fixture(scope="module", params=every("weighting"))
def trained(
    request: pytest.FixtureRequest, base: DictConfig, tmp_path_factory: pytest.TempPathFactory
) -> Training:
    cfg = base.copy()
    cfg.weighting = node("weighting", request.param)
    return train(cfg, tmp_path_factory.mktemp(request.param))


def state(module: MultiTaskModule) -> dict[str, Tensor]:
    """Every tensor of the state by its name; a method may keep some in its extra state."""

    def leaves(found: Any, name: str) -> dict[str, Tensor]:
        if isinstance(found, list | tuple):
            found = dict(enumerate(found))
        if isinstance(found, Mapping):
            inner = [leaves(value, f"{name}/{key}") for key, value in found.items()]
            return {key: value for part in inner for key, value in part.items()}
        return {name: torch.as_tensor(found)}

    return {k: v for k, v in leaves(module.state_dict(), "").items() if "metrics" not in k}


def test_labelled_batches_make_steps_and_others_none(trained: Training) -> None:
    weights, tasks = trained.recorder.weights, trained.recorder.tasks
    assert len(tasks) == 10
    assert any(not labelled for labelled in tasks) or any(len(t) == 1 for t in tasks)
    for before, after, labelled in zip(weights, weights[1:], tasks, strict=False):
        assert all(value.isfinite().all() for value in after.values())
        moved = {name for name, value in after.items() if not torch.equal(before[name], value)}
        # A method may set its first weights aside, but no step may move without a label.
        assert labelled or not moved
    first, last = weights[0], weights[-1]
    assert {name for name in first if torch.equal(first[name], last[name])} == set()


def test_an_absent_task_stays_where_it_is(trained: Training) -> None:
    weights, tasks = trained.recorder.weights, trained.recorder.tasks
    absences = 0
    for before, after, labelled in zip(weights, weights[1:], tasks, strict=False):
        for task in {"a", "b"} - labelled:
            absences += 1
            for name in (n for n in after if n.startswith(f"network.heads.{task}.")):
                assert torch.equal(before[name], after[name]), (name, labelled)
    assert absences > 0


def test_a_resumed_run_is_the_unbroken_one(trained: Training, tmp_path: Path) -> None:
    resumed = train(trained.cfg, tmp_path, trained.folder / "first.ckpt")
    assert resumed.recorder.ids == trained.recorder.ids[5:]
    wanted, found = state(trained.module), state(resumed.module)
    assert wanted.keys() == found.keys()
    assert [name for name, value in wanted.items() if not torch.equal(found[name], value)] == []


def test_a_single_task_trains(trained: Training, tmp_path: Path) -> None:
    cfg = trained.cfg.copy()
    cfg.tasks = ["a"]
    cfg.heads = {"a": cfg.heads.a}
    cfg.epochs = 1
    weights = train(cfg, tmp_path).recorder.weights
    assert all(value.isfinite().all() for value in weights[-1].values())
    assert {n for n, value in weights[0].items() if torch.equal(value, weights[-1][n])} == set()
