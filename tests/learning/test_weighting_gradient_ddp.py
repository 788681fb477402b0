"""Two processes on the processor take the step of one, and stay equal."""

from pathlib import Path
from typing import Any

import fresh
import pytest
import pytorch_lightning as L
import torch
from quick_composition import composing_once
from torch import Tensor
from training_kit import fit, write_conf

from mtl.config import compose
from mtl.config.load import load

FORK = ["trainer=ddp", "trainer.strategy=ddp_fork_find_unused_parameters_true"]


class Keep(L.Callback):
    """The state after each step, written at the end by each rank."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.states: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, *_: Any) -> None:
        state = {k: v.clone() for k, v in module.state_dict().items() if "metrics" not in k}
        self.states.append(state)

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        torch.save(self.states, self.folder / f"{self.name}_{trainer.global_rank}.pt")


def train_all(folder: Path, methods: list[str]) -> None:
    """Each method in two processes and in one."""
    compose.compose_or_raise = composing_once(compose.compose_or_raise)
    # Forks come first: a process that has gone backward once can't.
    for ranks in (2, 1):
        for number, arguments in enumerate(methods):
            own = [
                *(FORK if ranks > 1 else []),
                *("trainer.accelerator=cpu", "trainer.precision=32-true"),
                *(f"trainer.devices={ranks}", f"batch_size={8 // ranks}"),
            ]
            cfg = load([*own, *arguments.split()], folder / "conf")
            fit(cfg, folder, Keep(folder, f"{number}_{ranks}"))


BASE = "backbone=plain augmentation=none scheduler=constant optimizer=sgd optimizer.momentum=0"
BASE += " optimizer.nesterov=false lr=0.05 data.val=2 data.test=2 data.workers=0"
BASE += " trainer.gradient_clip_val=1"
FULL = f"{BASE} data=shapes tasks=[classification,box] image_size=32 data.train=40 epochs=2"
PARTIAL = f"{BASE} data=alternating data.train=40 epochs=2"
METHODS = [
    f"{FULL} weighting=upgrad",
    f"{PARTIAL} weighting=cagrad weighting.at=second",
    f"{PARTIAL} weighting=mgda weighting.at=representation",
    f"{PARTIAL} weighting=moco",
    f"{PARTIAL} weighting=gradvac",
    f"{PARTIAL} weighting=graddrop",
    f"{PARTIAL} weighting=nash_mtl trainer.accumulate_grad_batches=2",
    f"{PARTIAL} weighting=equal",
    f"{PARTIAL} weighting=equal trainer.accumulate_grad_batches=2",
    f"{PARTIAL} weighting=gls trainer.accumulate_grad_batches=2",
    f"{PARTIAL} weighting=cagrad weighting.every=3",
    f"{PARTIAL} weighting=cagrad weighting.at=second weighting.every=2 "
    "trainer.accumulate_grad_batches=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    write_conf(folder / "conf")
    done = fresh.start(train_all, folder, METHODS, cwd=folder).wait()
    assert done.code == 0, done.out + done.err
    return folder


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_processes_take_the_step_of_one_and_stay_equal(folder: Path, number: int) -> None:
    alone, first, second = (
        torch.load(folder / f"{number}_{name}.pt", weights_only=True)
        for name in ("1_0", "2_0", "2_1")
    )
    assert len(alone) == len(first) == len(second) == 10
    for one, other in zip(first, second, strict=True):
        for key, value in one.items():
            assert torch.equal(other[key], value), key
    for step, (one, both) in enumerate(zip(alone, first, strict=True)):
        for key, value in one.items():
            torch.testing.assert_close(both[key], value, rtol=1e-4, atol=1e-5, msg=f"{key} {step}")
    assert any(not torch.equal(alone[0][k], v) for k, v in alone[-1].items())
