"""A run that was stopped before or after an unfreezing goes on as if it had not been."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from resume_kit import write_copying
from training_kit import checkpoint, same_weights

from mtl.config.load import load
from mtl.runs.train import train

BASE = [
    "data=shapes",
    "data.train=12",
    "data.val=8",
    "data.test=8",
    "test=false",
    "image_size=32",
    "batch_size=6",
    "epochs=5",
    "tasks=[classification]",
    "backbone.width=4",
    "augmentation=c_rmtl",
    "callbacks=copies",
    "callbacks.figures.enabled=false",
    "callbacks.early_stopping.enabled=true",
    "callbacks.early_stopping.patience=2",
    "unfreezing=staged",
    "logger=none",
]
SCHEDULES = {
    "epoch": ["unfreezing.at={stage3:1,stage2:3}", "callbacks.ema.enabled=true"],
    "plateau": [
        "unfreezing.at=plateau",
        "unfreezing.patience=1",
        "unfreezing.min_delta=10",
        "scheduler=plateau",
        "scheduler.patience=0",
    ],
}


@pytest.fixture(scope="module")
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DictConfig, Path]:
    """An unbroken run, and beside it what it would have left if it had been killed."""
    folder = tmp_path_factory.mktemp(request.param)
    cfg = load([*BASE, *SCHEDULES[request.param]], write_copying(folder / "conf"))
    train(cfg, folder / "whole")
    return cfg, folder


def same_state(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_state(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same_state, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right


@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
@pytest.mark.parametrize("whole", SCHEDULES, indirect=True)
def test_resumed_before_and_after_an_unfreezing(whole: tuple[DictConfig, Path], epoch: int) -> None:
    cfg, folder = whole
    unbroken, stopped = checkpoint(folder / "whole", "last"), folder / f"stopped{epoch}"
    assert unbroken["epoch"] == 4
    assert checkpoint(stopped, "last")["epoch"] == epoch - 1
    train(cfg, stopped)
    last = checkpoint(stopped, "last")
    assert same_weights(last["state_dict"], unbroken["state_dict"])
    for part in ("optimizer_states", "lr_schedulers"):
        assert same_state(last[part], unbroken[part]), part
    kept = {k: v for k, v in last["callbacks"].items() if "Throughput" not in k}
    assert same_state(kept, {k: unbroken["callbacks"][k] for k in kept})


@pytest.mark.parametrize("whole", ["plateau"], indirect=True)
def test_plateau_is_kept_in_the_checkpoint(whole: tuple[DictConfig, Path]) -> None:
    """Nothing is ever 10 better than before: one stage more after each epoch but the first."""
    _, folder = whole
    state = checkpoint(folder / "whole", "last")["callbacks"]["Staged"]
    assert state["since"] == {"stage3": 2, "stage2": 3, "stage1": 4, "stem": 5}
    assert state["waited"] == 0
