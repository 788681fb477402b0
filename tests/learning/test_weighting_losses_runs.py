"""Trainings with weightings that look at losses: processes, accumulation, resumes."""

import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

import fresh
import pytest
import pytorch_lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from training_kit import checkpoint, fit, same_weights, write_conf

from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.learning.module import MultiTaskModule
from mtl.runs.train import train


class Keep(L.Callback):
    """The state after each step."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, *_: Any) -> None:
        state = module.state_dict().items()
        self.states.append({k: v.clone() for k, v in state if "metrics" not in k})


def train_methods(cfg: DictConfig, folder: Path, rank: int, port: int) -> None:
    """All methods as one of the processes that a configuration asks for."""
    ranks = int(cfg.trainer.devices)
    if ranks > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {"WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    OmegaConf.set_struct(cfg, False)
    for name in METHODS:
        keep = Keep()
        # Composing once is far quicker than once for each method.
        cfg.weighting = node_of("weighting", name)
        fit(cfg, folder, keep)
        torch.save(keep.states, folder / f"{name}_{ranks}_{rank}.pt")


def configured(folder: Path, ranks: int) -> DictConfig:
    own = ["trainer.accelerator=cpu", "trainer.precision=32-true", f"trainer.devices={ranks}"]
    own += [f"batch_size={8 // ranks}", *PARTIAL.split()]
    return load([*(["trainer=ddp"] if ranks > 1 else []), *own], folder / "conf")


def train_all(folder: Path) -> None:
    """Trainings of one process and of two side by side: each process is a fork."""
    configs = {ranks: configured(folder, ranks) for ranks in (1, 2)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = []
    for ranks, rank in ((1, 0), (2, 0), (2, 1)):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                train_methods(configs[ranks], folder, rank, port)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    codes = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(any(codes))


BASE = "backbone=plain augmentation=none scheduler=constant optimizer=sgd optimizer.momentum=0"
BASE += " optimizer.nesterov=false lr=0.05 data.val=2 data.test=2 trainer.gradient_clip_val=1"
# With two classes of tasks that take turns, a process often lacks what the other has.
PARTIAL = f"{BASE} data=alternating data.train=40 epochs=3"
METHODS = ["uncertainty", "dwa", "rlw", "famo", "gradnorm", "db_mtl"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    write_conf(folder / "conf")
    done = fresh.start(train_all, folder, cwd=folder).wait()
    assert done.code == 0, done.out + done.err
    return folder


@pytest.mark.parametrize("name", METHODS)
def test_processes_take_the_steps_of_one_and_stay_equal(folder: Path, name: str) -> None:
    alone, first, second = (
        torch.load(folder / f"{name}_{which}.pt", weights_only=True)
        for which in ("1_0", "2_0", "2_1")
    )
    assert len(alone) == len(first) == len(second) == 15
    assert any(key.startswith("weighting.") for key in alone[0])
    for one, other in zip(first, second, strict=True):
        assert same_weights(one, other)
    for step, (one, both) in enumerate(zip(alone, first, strict=True)):
        for key, value in one.items():
            torch.testing.assert_close(both[key], value, rtol=1e-4, atol=1e-5, msg=f"{key} {step}")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


QUIET = ["test=false", "callbacks.figures.enabled=false", "logger=none", "trainer=cpu"]


@pytest.mark.parametrize("name", ["famo", "stch", "rlw"])
def test_resume_is_exact(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    own = [*PARTIAL.split(), *QUIET, "batch_size=8", f"weighting={name}", "epochs=3"]

    class Stop(Exception):
        pass

    def stop(self: MultiTaskModule) -> None:
        if self.current_epoch == 2:
            raise Stop

    train(load(own, conf), tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(MultiTaskModule, "on_train_epoch_start", stop)
        with pytest.raises(Stop):
            train(load(own, conf), tmp_path / "parts")
    train(load(own, conf), tmp_path / "parts")
    whole, parts = (checkpoint(tmp_path / x, "last")["state_dict"] for x in ("whole", "parts"))
    assert same_weights(whole, parts)
    assert any(key.startswith("weighting.") for key in whole)


@pytest.mark.parametrize("name", ["uncertainty", "famo", "dwa", "db_mtl", "gradnorm"])
def test_accumulation_runs_and_counts(conf: Path, tmp_path: Path, name: str) -> None:
    own = [*PARTIAL.split(), *QUIET, "batch_size=4", "epochs=1", f"weighting={name}"]
    module, trainer = fit(load([*own, "trainer.accumulate_grad_batches=2"], conf), tmp_path)
    assert trainer.global_step == 5
    state = module.weighting.state_dict()
    counts = {"famo": "adam.steps", "db_mtl": "steps", "gradnorm": "adam.steps"}
    if name in counts:
        # 10 batches make 5 steps; the batch that famo looks at again may lack a task.
        assert 3 <= float(state[counts[name]].max()) <= 5
    if name == "dwa":
        assert state["epochs"].tolist() == [1, 1]
        assert float(state["last"].min()) > 0
    assert module.weighting.gauges()
