"""Trainers and runs of processes that a launcher has started."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as L
from launch_kit import torchrun

from mtl.config.load import load
from mtl.errors import UserError
from mtl.learning.shared_steps import refuse_other_steps
from mtl.learning.trainer import build_trainer, refuse_other_processes
from mtl.runs import alike

DDP = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")
SLURM = {
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
}


def checked(*overrides: str) -> L.Trainer:
    cfg = load(list(overrides))
    trainer = build_trainer(cfg, Path(), [], [])
    refuse_other_processes(cfg, trainer)
    return trainer


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    def tell(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return tell


def test_as_many_as_were_started(told: Any) -> None:
    told(torchrun(1, 3))
    trainer = checked(*DDP)
    assert (trainer.num_devices, trainer.world_size, trainer.global_rank) == (3, 3, 1)
    told({"WORLD_SIZE": "6", "GROUP_WORLD_SIZE": "2", "GROUP_RANK": "1", "RANK": "4"})
    trainer = checked(*DDP)
    assert (trainer.num_devices, trainer.num_nodes, trainer.global_rank) == (3, 2, 4)


def test_more_or_fewer_than_were_started_are_refused(told: Any) -> None:
    told(torchrun(0, 2))
    for own, are in (((), 1), ((*DDP, "trainer.devices=3"), 3)):
        with pytest.raises(UserError, match=rf"has started 2 processes, .* are {are}; trainer=ddp"):
            checked(*own)


def test_variables_of_slurm_that_lightning_refuses(told: Any) -> None:
    told({name: value for name, value in SLURM.items() if name != "SLURM_NTASKS_PER_NODE"})
    with pytest.raises(UserError, match="--ntasks-per-node=2"):
        checked(*DDP)


def test_a_job_without_srun_is_refused(told: Any) -> None:
    told(SLURM)
    with pytest.raises(UserError, match="has 2 tasks, and mtl runs in one of them; write srun"):
        checked(*DDP)
    checked()  # one process is one


@pytest.mark.parametrize(
    ("before", "batches", "total", "said"),
    [
        (2, 0, None, "2 processes trained this run, and 4 would go on with other steps"),
        (1, 3, 8, "1 process left this run within an epoch, and 4 would go on with other steps"),
        (2, 0, 8, None),  # steps of a total are the same
        (4, 3, None, None),
        (None, 3, None, None),  # of an older version
    ],
)
def test_a_run_goes_on_with_its_own_steps(
    before: int | None, batches: int, total: int | None, said: str | None
) -> None:
    about: dict[str, Any] = {"batches": batches}
    about |= {} if before is None else {"processes": before}
    trainer: Any = SimpleNamespace(world_size=4, is_global_zero=True)
    settings = {"trainer": {"total_batch": total}}
    if said is None:
        refuse_other_steps(trainer, settings, about)
        return
    with pytest.raises(UserError, match=f"^{said}$"):
        refuse_other_steps(trainer, settings, about)


def test_what_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def others(what: str, mine: str) -> list[str]:
        return [mine, mine, "90" if "samples" in what else mine]

    alike.check_alike(None, 100)
    monkeypatch.setattr(alike, "all_say", others)
    with pytest.raises(UserError) as error:
        alike.check_alike(None, 100)
    assert str(error.value) == (
        "process 0 and process 2 don't have as many samples to train on: 100 and 90"
    )
