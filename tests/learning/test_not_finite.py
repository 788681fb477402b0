"""Any finite value of the monitor beats one that is not, whenever it comes and over restarts."""

import itertools
from collections.abc import Iterator, Sequence
from math import inf, isfinite, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mtl.learning.callbacks import early_stopping
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.learning.module import MultiTaskModule
from mtl.learning.plateau import Plateau
from mtl.learning.scheduler.plateau import plateau

VALUES = (nan, inf, -inf, 0.25, 0.5)
LENGTH = 3
MODES = ("max", "min")


def sequences() -> Iterator[tuple[tuple[float, ...], int]]:
    """Every sequence of values, and every place to interrupt it at."""
    return itertools.product(itertools.product(VALUES, repeat=LENGTH), range(LENGTH))


def best_epoch(values: Sequence[float], mode: str) -> int:
    """The first of the best finite values; the last epoch where there is none."""
    finite = [v for v in values if isfinite(v)]
    if not finite:
        return len(values) - 1
    return values.index(max(finite) if mode == "max" else min(finite))


def waits(values: Sequence[float], mode: str) -> list[int]:
    """After each value, how many there were since the last progress."""
    found = []
    for end in range(1, len(values) + 1):
        seen = values[:end]
        any_finite = any(map(isfinite, seen))
        found.append(end - 1 - best_epoch(seen, mode) if any_finite else end)
    return found


def module(mode: str) -> Any:
    return SimpleNamespace(monitor="val/x/y", mode_of=lambda metric: mode)


@pytest.mark.parametrize("mode", MODES)
def test_best_checkpoint(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, int] = {}
    monkeypatch.setattr(
        BestAndLast, "_write", lambda self, trainer, path: written.update({path.name: trainer.now})
    )
    for values, cut in sequences():
        callback = BestAndLast()
        trainer: Any = SimpleNamespace(default_root_dir=str(tmp_path), current_epoch=0)
        for trainer.now, value in enumerate(values):
            if trainer.now == cut:
                callback, before = BestAndLast(), callback
                callback.load_state_dict(before.state_dict())
            trainer.callback_metrics = {"val/x/y": torch.tensor(value)}
            callback.on_train_epoch_end(trainer, module(mode))
        assert written == {"best.ckpt": best_epoch(values, mode), "last.ckpt": LENGTH - 1}, values


def stopping(mode: str) -> ResumableEarlyStopping:
    callback = ResumableEarlyStopping("val/x/y", patience=2, min_delta=0.0)
    trainer: Any = SimpleNamespace(val_check_interval=1.0, check_val_every_n_epoch=1)
    callback.setup(trainer, module(mode), "fit")
    return callback


@pytest.mark.parametrize("mode", MODES)
def test_early_stopping(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(early_stopping, "say", said.append)
    for values, cut in sequences():
        said.clear()
        callback = stopping(mode)
        found, stops = [], []
        for number, value in enumerate(values):
            if number == cut:
                callback, before = stopping(mode), callback
                callback.load_state_dict(before.state_dict())
            trainer: Any = SimpleNamespace(
                fast_dev_run=False,
                is_global_zero=True,
                should_stop=False,
                current_epoch=number,
                callback_metrics={"val/x/y": torch.tensor(value)},
                strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
            )
            callback._run_early_stopping_check(trainer)
            found.append(callback.wait_count)
            stops.append(trainer.should_stop)
        assert found == waits(values, mode), values
        assert stops == [wait >= 2 for wait in found]
        assert len(said) == sum(not isfinite(value) for value in values)
        assert all("counts it as no progress" in line for line in said)


def schedule(mode: Any) -> Any:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return plateau(optimizer, steps=0, mode=mode, factor=0.5, patience=9, min_lr=0.0)


@pytest.mark.parametrize("mode", MODES)
def test_plateau_schedule(mode: str) -> None:
    for values, cut in sequences():
        scheduler = schedule(mode)
        found = []
        for number, value in enumerate(values):
            if number == cut:
                scheduler, before = schedule(mode), scheduler
                scheduler.load_state_dict(before.state_dict())
            step = SimpleNamespace(
                flush=lambda: None,
                weighting=SimpleNamespace(on_epoch_end=lambda: None),
                lr_schedulers=lambda scheduler=scheduler: scheduler,
                monitor="val/x/y",
                trainer=SimpleNamespace(callback_metrics={"val/x/y": torch.tensor(value)}),
            )
            MultiTaskModule.on_train_epoch_end(step)  # type: ignore[arg-type]
            found.append(scheduler.num_bad_epochs)
        assert found == waits(values, mode), values


@pytest.mark.parametrize("mode", MODES)
def test_plateau_that_unfreezes(mode: Any) -> None:
    for values, cut in sequences():
        watch = Plateau(patience=9, min_delta=0.0)
        found = []
        for number, value in enumerate(values):
            if number == cut:
                watch, before = Plateau(patience=9, min_delta=0.0), watch
                watch.load_state_dict(before.state_dict())
            watch.reached(value, mode)
            found.append(watch.waited)
        assert found == waits(values, mode), values
