"""Trainings in two processes on the processor, held against those in one.

The processes stay for all trainings: to start them takes longer than a short training.
"""

import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fresh
import pytorch_lightning as L
import torch
from omegaconf import DictConfig
from quick_composition import composing_quickly
from torch import Tensor
from training_kit import fit, same_weights, write_conf

from mtl.config.load import load

BASE = "backbone=plain augmentation=none scheduler=constant optimizer=sgd optimizer.momentum=0"
BASE += " optimizer.nesterov=false lr=0.05 data.workers=0 trainer.gradient_clip_val=1"
FEW = "data.train=40 data.val=2 data.test=2"
# With two classes of tasks that take turns, a process often lacks what the other has.
PARTIAL = f"{BASE} data=alternating {FEW}"

Training = Callable[[DictConfig, Path], object]


class Keep(L.Callback):
    """The state after each step."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, *_: Any) -> None:
        state = module.state_dict().items()
        self.states.append({k: v.clone() for k, v in state if "metrics" not in k})


def keep_states(cfg: DictConfig, folder: Path) -> None:
    """Train, and leave the states of this process in ``states<RANK>.pt``."""
    keep = Keep()
    _, trainer = fit(cfg, folder, keep)
    torch.save(keep.states, folder / f"states{trainer.global_rank}.pt")


def trained(folder: Path, cases: Mapping[str, str], training: Training = keep_states) -> Path:
    """Train each case in one process and in two.

    Args:
        folder: for the trainings' own folders ``NAME/1`` and ``NAME/2``.
        cases: overrides by name.
        training: a function of a module, called in each process.
    """
    write_conf(folder / "conf")
    done = fresh.start(train_all, folder, dict(cases), training, cwd=folder).wait()
    assert done.code == 0, done.out + done.err
    return folder


def train_all(folder: Path, cases: Mapping[str, str], training: Training) -> None:
    """One process beside the two: each is a fork."""
    for name in cases:
        for ranks in (1, 2):
            (folder / name / str(ranks)).mkdir(parents=True)
    with composing_quickly():
        configs = {
            ranks: {name: configured(folder, ranks, own) for name, own in cases.items()}
            for ranks in (1, 2)
        }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = []
    for ranks, rank in ((1, 0), (2, 0), (2, 1)):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if ranks > 1:
                    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                    os.environ |= {"WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
                for name, cfg in configs[ranks].items():
                    training(cfg, folder / name / str(ranks))
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


def configured(folder: Path, ranks: int, own: str) -> DictConfig:
    """The same batches, divided among the processes."""
    common = ["trainer.accelerator=cpu", "trainer.precision=32-true", f"trainer.devices={ranks}"]
    common += [f"batch_size={8 // ranks}", *(["trainer=ddp"] if ranks > 1 else [])]
    return load([*common, *own.split()], folder / "conf")


def assert_two_are_one(
    folder: Path, name: str, steps: int, batches: tuple[int, int] = (1, 1)
) -> dict[str, Tensor]:
    """Both processes take the steps of one and stay equal; returns the first step's state.

    Args:
        folder: as ``trained`` returns it.
        name: of the case.
        steps: how many there are.
        batches: of each step in one process, and in each of two.
    """
    alone, first, second = (
        torch.load(folder / name / f"{which}.pt", weights_only=True)
        for which in ("1/states0", "2/states0", "2/states1")
    )
    one_alone, one_of_two = batches
    alone = alone[one_alone - 1 :: one_alone]
    first, second = (states[one_of_two - 1 :: one_of_two] for states in (first, second))
    assert len(alone) == len(first) == len(second) == steps
    for one, other in zip(first, second, strict=True):
        assert same_weights(one, other)
    for step, (one, both) in enumerate(zip(alone, first, strict=True)):
        for key, value in one.items():
            torch.testing.assert_close(both[key], value, rtol=1e-4, atol=1e-5, msg=f"{key} {step}")
    assert any(not torch.equal(alone[0][key], value) for key, value in alone[-1].items())
    state: dict[str, Tensor] = alone[0]
    return state
