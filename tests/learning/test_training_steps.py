"""Accumulation, clipping, averaging, schedules and precision, as the weights and logs show them."""

import csv
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_kit import Recorder, checkpoint, fit, same_weights, write_conf

from mtl.config.load import load
from mtl.learning.build import build_callbacks
from mtl.runs.train import train

LABELLED = [
    "callbacks.figures.enabled=false",
    "data=shapes",
    "data.train=16",
    "data.val=4",
    "data.test=4",
    "tasks=[classification]",
    "image_size=32",
    "backbone=plain",
    "augmentation=none",
    "scheduler=constant",
]
PARTIAL = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4"]
PARTIAL.append("callbacks.figures.enabled=false")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def after(conf: Path, folder: Path, *own: str) -> Recorder:
    recorder = Recorder()
    fit(load([*LABELLED, "epochs=1", *own], conf), folder, recorder)
    return recorder


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_accumulated_batches_make_the_step_of_one_large_batch(
    conf: Path, tmp_path: Path, optimizer: str
) -> None:
    own = ["trainer.gradient_clip_val=0.05", f"optimizer={optimizer}", "lr=0.01"]
    one = after(conf, tmp_path, "batch_size=8", *own)
    many = after(conf, tmp_path, "batch_size=4", "trainer.accumulate_grad_batches=2", *own)
    assert len(one.weights) == 3
    assert len(many.weights) == 5
    assert same_weights(many.weights[0], many.weights[1])
    for large, small in ((0, 0), (1, 2), (2, 4)):
        for name, value in one.weights[large].items():
            torch.testing.assert_close(many.weights[small][name], value, rtol=0, atol=1e-6)
    assert not same_weights(one.weights[0], one.weights[2])


def test_gradient_is_clipped_by_its_norm(conf: Path, tmp_path: Path) -> None:
    """One step of plain SGD moves all weights together by lr times the largest norm."""
    own = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false"]
    own += ["optimizer.weight_decay=0", "batch_size=16", "lr=0.1"]
    moved = []
    for clip in ("0.01", "0.02", "null"):
        recorder = after(conf, tmp_path, *own, f"trainer.gradient_clip_val={clip}")
        first, last = recorder.weights
        moved.append(torch.cat([(last[n] - first[n]).flatten() for n in first]))
    assert float(moved[0].norm()) == pytest.approx(0.1 * 0.01, rel=1e-3)
    assert float(moved[1].norm()) == pytest.approx(0.1 * 0.02, rel=1e-3)
    assert float(moved[2].norm()) > 0.1 * 0.02
    torch.testing.assert_close(moved[1], 2 * moved[0], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_tasks_whose_first_labels_come_at_different_steps(
    conf: Path, tmp_path: Path, optimizer: str
) -> None:
    recorder = Recorder()
    own = ["batch_size=1", f"optimizer={optimizer}", "lr=0.01"]
    fit(load([*PARTIAL, "epochs=1", *own], conf), tmp_path, recorder)
    first = {task: next(i for i, t in enumerate(recorder.tasks) if task in t) for task in "ab"}
    assert first["a"] != first["b"]
    for task, step in first.items():
        names = [n for n in recorder.weights[0] if n.startswith(f"network.heads.{task}.")]
        assert names
        before, behind = recorder.weights[step], recorder.weights[step + 1]
        assert all(torch.equal(recorder.weights[0][n], before[n]) for n in names)
        assert any(not torch.equal(before[n], behind[n]) for n in names)


def test_average_of_the_weights_is_what_checkpoints_hold(conf: Path, tmp_path: Path) -> None:
    cfg = load(
        [*PARTIAL, "epochs=2", "lr=0.01", "callbacks.ema.enabled=true", "callbacks.ema.decay=0.6"],
        conf,
    )
    recorder = Recorder()
    fit(cfg, tmp_path, *build_callbacks(cfg), recorder)
    average: dict[str, Tensor] = {}
    wanted = []
    for number, weights in enumerate(recorder.weights[1:], 1):
        average = {
            name: value if not average else 0.6 * average[name] + 0.4 * value
            for name, value in weights.items()
        }
        if number in (5, 10):
            wanted.append(average)
    last = checkpoint(tmp_path, "last")
    for name, value in wanted[1].items():
        torch.testing.assert_close(last["state_dict"][name], value, rtol=0, atol=1e-6)
        own = last["current_model_state"][name]
        torch.testing.assert_close(own, recorder.weights[10][name], rtol=0, atol=0)
    best = checkpoint(tmp_path, "best")
    for name, value in wanted[best["epoch"]].items():
        torch.testing.assert_close(best["state_dict"][name], value, rtol=0, atol=1e-6)


def test_plateau_lowers_the_rate_and_early_stopping_stops(conf: Path, tmp_path: Path) -> None:
    """With a rate of nearly 0 nothing gets better after the first epoch."""
    own = ["lr=1e-6", "scheduler=plateau", "scheduler.patience=0", "scheduler.min_lr=0"]
    stop = ["callbacks.early_stopping.enabled=true", "callbacks.early_stopping.patience=3"]
    train(load([*PARTIAL, "epochs=9", *own, *stop], conf), tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["epochs"] == 4
    assert results["best"]["epoch"] == 1
    rates = {}
    with (tmp_path / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["metric"] == "lr/heads":
                rates[int(row["step"])] = float(row["value"])
    assert list(rates) == [5, 10, 15, 20]
    # The first two epochs see the full rate; then each one without progress divides it by ten.
    assert list(rates.values()) == pytest.approx([1e-6, 1e-6, 1e-7, 1e-8])


def test_half_precision(conf: Path, tmp_path: Path) -> None:
    """With the gradients clipped and with a fused optimiser asked for."""
    metrics = train(load([*PARTIAL, "epochs=1", "trainer.precision=bf16-mixed"], conf), tmp_path)
    assert all(torch.isfinite(torch.tensor(value)) for value in metrics.values())
    state = checkpoint(tmp_path, "last")["state_dict"]
    assert {v.dtype for n, v in state.items() if n.startswith("network.")} == {torch.float32}
    plain = checkpoint_of_full_precision(conf, tmp_path / "full")
    assert not same_weights(state, plain)
    for name, value in plain.items():
        torch.testing.assert_close(state[name], value, rtol=0, atol=0.02)


def checkpoint_of_full_precision(conf: Path, folder: Path) -> dict[str, Tensor]:
    train(load([*PARTIAL, "epochs=1"], conf), folder)
    state: dict[str, Tensor] = checkpoint(folder, "last")["state_dict"]
    return state


def test_validation_every_second_epoch(conf: Path, tmp_path: Path) -> None:
    """The best checkpoint is one that was validated."""
    own = ["trainer.check_val_every_n_epoch=2", "epochs=3", "lr=0.01"]
    train(load([*PARTIAL, *own], conf), tmp_path)
    assert checkpoint(tmp_path, "best")["epoch"] == 1
    assert checkpoint(tmp_path, "last")["epoch"] == 2
