"""Two processes on the processor take the step of one, and stay equal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_kit import write_conf

HERE = Path(__file__).parents[1]
PROGRAM = """
import sys
from pathlib import Path

import pytorch_lightning as L
import torch
from training_kit import fit

from mtl.config.load import load

folder = Path(sys.argv[1])
FORK = ["trainer=ddp", "trainer.strategy=ddp_fork_find_unused_parameters_true"]


class Keep(L.Callback):
    def __init__(self, name):
        self.name = name
        self.states = []

    def on_train_batch_end(self, trainer, module, *_):
        state = {k: v.clone() for k, v in module.state_dict().items() if "metrics" not in k}
        self.states.append(state)

    def on_train_end(self, trainer, module):
        torch.save(self.states, folder / f"{self.name}_{trainer.global_rank}.pt")


# Forks come first: a process that has gone backward once can't.
for ranks in (2, 1):
    for number, arguments in enumerate(sys.argv[2:]):
        own = ["trainer.accelerator=cpu", "trainer.precision=32-true", f"trainer.devices={ranks}"]
        own += [*(FORK if ranks > 1 else []), f"batch_size={8 // ranks}", *arguments.split()]
        fit(load(own, folder / "conf"), folder, Keep(f"{number}_{ranks}"))
"""
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
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), *METHODS],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
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
