"""A run that was stopped before or after an unfreezing goes on as if it had not been."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from training_kit import checkpoint, same_weights
from unfreezing_kit import Stop, write_watched

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
    "callbacks=watched",
    "callbacks.figures.enabled=false",
    "callbacks.early_stopping.enabled=true",
    "callbacks.early_stopping.patience=2",
    "unfreezing=staged",
    "logger=none",
]
BY_EPOCH = ["unfreezing.at={stage3:1,stage2:3}", "callbacks.ema.enabled=true"]
BY_PLATEAU = [
    "unfreezing.at=plateau",
    "unfreezing.patience=1",
    "unfreezing.min_delta=10",
    "scheduler=plateau",
    "scheduler.patience=0",
]


@pytest.fixture(autouse=True)
def no_stop() -> Iterator[None]:
    yield
    Stop.epoch = None


def same_state(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_state(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same_state, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right


@pytest.mark.parametrize("schedule", [BY_EPOCH, BY_PLATEAU], ids=["epoch", "plateau"])
def test_resumed_before_and_after_an_unfreezing(schedule: list[str], tmp_path: Path) -> None:
    conf = write_watched(tmp_path / "conf")
    cfg = load([*BASE, *schedule], conf)
    train(cfg, tmp_path / "whole")
    whole = checkpoint(tmp_path / "whole", "last")
    assert whole["epoch"] == 4
    for epoch in (1, 2, 3, 4):
        folder = tmp_path / f"stopped{epoch}"
        Stop.epoch = epoch
        with pytest.raises(KeyboardInterrupt):
            train(cfg, folder)
        assert checkpoint(folder, "last")["epoch"] == epoch - 1
        Stop.epoch = None
        train(cfg, folder)
        last = checkpoint(folder, "last")
        assert same_weights(last["state_dict"], whole["state_dict"])
        for part in ("optimizer_states", "lr_schedulers"):
            assert same_state(last[part], whole[part]), part
        kept = {k: v for k, v in last["callbacks"].items() if "Throughput" not in k}
        assert same_state(kept, {k: whole["callbacks"][k] for k in kept})


def test_plateau_is_kept_in_the_checkpoint(tmp_path: Path) -> None:
    """Nothing is ever 10 better than before: one stage more after each epoch but the first."""
    conf = write_watched(tmp_path / "conf")
    train(load([*BASE, *BY_PLATEAU], conf), tmp_path / "run")
    state = checkpoint(tmp_path / "run", "last")["callbacks"]["Staged"]
    assert state["since"] == {"stage3": 2, "stage2": 3, "stage1": 4, "stem": 5}
    assert state["waited"] == 0
