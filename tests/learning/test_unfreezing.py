"""What is frozen stays as it is to the last bit, whatever else is going on."""

import csv
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as L
import torch
from conftest import Result
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from training_kit import Recorder, fit

from mtl.config.load import load
from mtl.errors import UserError
from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.learning.callbacks.ema import ExponentialAverage
from mtl.learning.unfreezing.frozen import Frozen
from mtl.learning.unfreezing.staged import Staged

STAGES = ("stem", "stage1", "stage2", "stage3")
BASE = [
    "tasks=[classification]",
    "data.train=12",
    "data.val=8",
    "data.test=8",
    "image_size=32",
    "batch_size=4",
    "backbone.width=4",
]
STEPS = 3


def staged(**since: int) -> Staged:
    return Staged(since, None, 3, 0.0)


def of_stage(weights: dict[str, Tensor], stage: str) -> dict[str, Tensor]:
    """Parameters and running statistics."""
    return {k: v for k, v in weights.items() if f".stages.{stage}." in k}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """The stages that are not the same bit by bit."""
    return {
        stage
        for stage in STAGES
        if any(not torch.equal(v, after[k]) for k, v in of_stage(before, stage).items())
    }


@pytest.mark.parametrize(
    "own",
    [
        ["scheduler=cosine", "scheduler.warmup=0"],
        ["scheduler=onecycle", "trainer.accumulate_grad_batches=2"],
        ["scheduler=constant", "optimizer=sgd", "augmentation=c_rmtl"],
        ["scheduler=plateau", "trainer.precision=bf16-mixed"],
    ],
    ids=["cosine-fused", "onecycle-accumulate", "sgd-augmented", "plateau-bf16"],
)
def test_stages_move_from_their_epoch_on(own: list[str], tmp_path: Path) -> None:
    """Weights and running statistics alike; the optimizer knows nothing of what never trained."""
    recorder = Recorder()
    cfg = load([*BASE, "epochs=3", *own])
    module, trainer = fit(cfg, tmp_path, staged(stage3=1, stage1=2), recorder)
    ends = [recorder.weights[STEPS * epoch] for epoch in range(4)]
    assert [moved(a, b) for a, b in pairwise(ends)] == [
        set(),
        {"stage3"},
        {"stage3", "stage1"},
    ]
    (optimizer,) = trainer.optimizers
    for group in optimizer.param_groups:
        still = group["name"].startswith(("backbone.stem", "backbone.stage2"))
        assert all((parameter in optimizer.state) != still for parameter in group["params"])
    assert all(p.requires_grad for p in module.parameters()), "left as it was found"


class Modes(L.Callback):
    """What is in eval mode while a batch trains."""

    def __init__(self) -> None:
        self.fixed: list[set[str]] = []

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, *_: Any) -> None:
        norms = pl_module.network.encoder.backbone.stages.named_modules()
        modes = {(n.split(".")[0], m.training) for n, m in norms if isinstance(m, nn.BatchNorm2d)}
        assert len(modes) == len(STAGES), "all norms of a stage alike"
        self.fixed.append({stage for stage, training in modes if not training})


def test_frozen_stages_are_in_eval_mode_also_after_a_validation(tmp_path: Path) -> None:
    modes = Modes()
    fit(load([*BASE, "epochs=3"]), tmp_path, staged(stage3=1, stage2=2), modes)
    expected = [set(STAGES), {"stem", "stage1", "stage2"}, {"stem", "stage1"}]
    assert modes.fixed == [fixed for fixed in expected for _ in range(STEPS)]


def test_average_of_frozen_weights_is_the_weights(tmp_path: Path) -> None:
    """But for the rounding of the average itself."""
    recorder = Recorder()
    cfg = load([*BASE, "epochs=2"])
    module, _ = fit(cfg, tmp_path, Frozen(["stem", "stage1"]), ExponentialAverage(0.9), recorder)
    first, last = recorder.weights[0], recorder.weights[-1]
    assert moved(first, last) == {"stage2", "stage3"}
    for stage in ("stem", "stage1"):
        torch.testing.assert_close(
            of_stage(dict(module.state_dict()), stage), of_stage(first, stage)
        )


def test_parameters_that_never_trained_do_not_begin_to(tmp_path: Path) -> None:
    class Fixed(L.Callback):
        def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
            self.parameter = pl_module.network.encoder.backbone.stages.stage3[0].conv1.weight
            self.before = self.parameter.requires_grad_(False).clone()

    fixed = Fixed()
    fit(load([*BASE, "epochs=2"]), tmp_path, fixed, staged(stage3=0))
    assert not fixed.parameter.requires_grad
    assert torch.equal(fixed.parameter, fixed.before)


STILL = [*BASE, "data.train=4", "lr=1e-30"]
"""Nothing ever gets better after the first validation."""


@pytest.mark.parametrize(("since", "epochs"), [({}, 2), ({"stage3": 3}, 4), ({"stage3": 20}, 2)])
def test_early_stopping_counts_from_the_last_unfreezing(
    since: dict[str, int], epochs: int, tmp_path: Path
) -> None:
    """With a patience of 1 the first validation without progress ends it; one that can't come in
    12 epochs holds nothing up."""
    stopping = ResumableEarlyStopping("val/score", patience=1, min_delta=1e-6)
    callbacks = [staged(**since)] if since else []
    _, trainer = fit(load([*STILL, "epochs=12"]), tmp_path, *callbacks, stopping)
    assert trainer.current_epoch == epochs


def test_plateau_comes_before_a_smaller_rate_and_that_before_the_end(tmp_path: Path) -> None:
    """Patience 2 for all three. The first value is progress, then a stage comes after every second
    one: before epochs 3, 5, 7 and 9 (from 0). The rate falls after the third epoch without
    progress since then, 11. Early stopping counts from epoch 9, in which the
    last stage trains: 9 and 10 end the run."""
    own = ["scheduler=plateau", "scheduler.patience=2", "epochs=13", "scheduler.min_lr=0"]
    callback = Staged("plateau", None, 2, 1e-6)
    rates: list[float] = []

    class Rates(L.Callback):
        def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    fit(load([*STILL, *own]), tmp_path, callback, Rates())
    assert callback.since == {"stage3": 3, "stage2": 5, "stage1": 7, "stem": 9}
    assert rates == pytest.approx([1e-30] * 12 + [1e-31], rel=1e-6)
    stopping = ResumableEarlyStopping("val/score", patience=2, min_delta=1e-6)
    _, trainer = fit(load([*STILL, *own]), tmp_path, Staged("plateau", None, 2, 1e-6), stopping)
    assert trainer.current_epoch == 11


def test_lines_and_curves(mtl: Callable[..., Result], tmp_path: Path) -> None:
    run = tmp_path / "run"
    own = [
        "lr=0.01",
        "scheduler=constant",
        "optimizer.stage_decay=0.5",
        "optimizer.stage_factors={stem: 3}",
    ]
    result = mtl(
        "train", *BASE, *own, "epochs=3", "unfreezing=staged", "unfreezing.every=1",
        "test=false", "callbacks.figures.enabled=false", f"hydra.run.dir={run}",
    )  # fmt: skip
    assert result.code == 0, result.err
    # Convolutions and two numbers per channel for their norms: widths 4, 8, 16, 32.
    stem = 3 * 4 * 9 + 8
    stages = [a * b * 9 + b * b * 9 + a * b + 6 * b for a, b in ((4, 8), (8, 16), (16, 32))]
    lines = result.out.splitlines()
    (total,) = (float(found) * 1e6 for found in re.findall(r"([\d.]+) M\s+parameters", result.out))
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["metric"], []).append(float(row["value"]))
    trainable = found["unfreezing/trainable_parameters"]
    assert [b - a for a, b in pairwise(trainable)] == [stages[2], stages[1]]
    whole = int(trainable[0]) + sum(stages) + stem
    assert abs(whole - total) < 1e4
    assert {n: v for n, v in found.items() if n.startswith("lr/backbone")} == {
        "lr/backbone.stage3": [0, 0.01, 0.01],
        "lr/backbone.stage2": [0, 0, 0.005],
        "lr/backbone.stage1": [0, 0, 0],
        "lr/backbone.stem": [0, 0, 0],
    }
    log = (run / "app.log").read_text()
    for line in (
        "unfreezing: stage3 from epoch 2; stage2 from epoch 3; stage1 from epoch 4; "
        "stem from epoch 5",
        f"epoch 2: stage3 trains now ({int(trainable[1])} of {whole} parameters)",
        f"epoch 3: stage2 trains now ({int(trainable[2])} of {whole} parameters)",
    ):
        assert lines.count(line) == 1
        assert line in log


def test_mistakes_end_before_training(mtl: Callable[..., Result]) -> None:
    own = ["unfreezing=staged", "unfreezing.at={stage9: 1}", "logger=none"]
    result = mtl("train", *BASE, *own)
    message = "unfreezing.at=stage9: no such stage; did you mean stage3? allowed: "
    assert (result.code, result.err.strip()) == (2, f"mtl: {message}stem, stage1, stage2, stage3")
    assert "epoch 1" not in result.out


def test_plateau_needs_validation() -> None:
    data: Any = SimpleNamespace(source=lambda split: None)
    module: Any = SimpleNamespace(network=SimpleNamespace(encoder=_NoStages()))
    trainer: Any = SimpleNamespace(datamodule=data, max_epochs=3)
    with pytest.raises(UserError, match=r"unfreezing\.at=plateau: needs a val split"):
        Staged("plateau", None, 1, 0.0).setup(trainer, module, "fit")


class _NoStages(nn.Module):
    description = ()


def test_strategy_that_would_wait_for_frozen_gradients_is_refused() -> None:
    wrapped = DistributedDataParallel.__new__(DistributedDataParallel)
    wrapped.__dict__["find_unused_parameters"] = False
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(model=wrapped), is_global_zero=True)
    with pytest.raises(UserError, match=r"needs trainer\.strategy=ddp_find_unused_parameters_true"):
        staged(stage3=1).on_fit_start(trainer, SimpleNamespace())  # type: ignore[arg-type]
    wrapped.__dict__["find_unused_parameters"] = True
    Frozen(None).on_fit_start(trainer, SimpleNamespace())  # type: ignore[arg-type]
