"""A step over several batches is that of one large batch, whatever makes a step of the losses."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as L
import torch
from omegaconf import DictConfig
from torch import Tensor
from training_kit import fit, write_conf

from mtl.config.load import load
from mtl.data.batch import Batch, Labelled
from mtl.data.build import build_data
from mtl.data.loading.windows import Windows
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.model.build import build_network

BASE = [
    "data=alternating",
    "backbone=plain",
    "augmentation=none",
    "batch_size=16",
    "data.train=16",
    "data.val=2",
    "data.test=2",
]
METHODS = [
    "equal",
    "fixed",
    "dwa",
    "rlw",
    "uncertainty",
    "imtl_l",
    "gls",
    "famo",
    "stch",
    "pcgrad",
    "nash_mtl",
    "cagrad weighting.at=representation",
    "mgda weighting.at=second",
    "imtl_g weighting.every=2",
    "cagrad weighting.at=representation weighting.every=2",
    "moco",
    "db_mtl",
]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


@pytest.fixture(scope="module")
def samples(conf: Path) -> Batch:
    """16 samples: 7 labelled for a, 6 for b, and 3 for nothing; the last ones among these."""
    data = build_data(load(BASE, conf))
    data.prepare_data()
    (found,) = list(data.loader("train"))
    order = sorted(range(16), key=lambda row: "train/4" in found.ids[row])
    batch = cut(data.finish(found, training=False), order)
    return replace(batch, image=batch.image.double(), seed=0)


def cut(batch: Batch, rows: Sequence[int]) -> Batch:
    """Some samples, in a new order."""
    targets: dict[str, Labelled] = {}
    for name, labels in batch.targets.items():
        place = {int(row): i for i, row in enumerate(labels.index)}
        index = torch.tensor([i for i, row in enumerate(rows) if row in place], dtype=torch.int64)
        value = labels.value
        assert isinstance(value, Tensor)
        if len(index):
            targets[name] = Labelled(index, value[[place[r] for r in rows if r in place]])
    return Batch(batch.image[list(rows)], [batch.ids[row] for row in rows], targets)


@cache
def configured(conf: Path, *own: str) -> DictConfig:
    return load([*BASE, *own], conf)


def made(conf: Path, own: Sequence[str], batches: int) -> MultiTaskModule:
    torch.manual_seed(0)
    cfg = configured(conf, *own)
    module = build_module(cfg, build_network(cfg, build_data(cfg).targets)).double()
    trainer = SimpleNamespace(
        accumulate_grad_batches=batches,
        strategy=SimpleNamespace(model=None),
        global_step=0,
        is_global_zero=True,
        current_epoch=0,
        max_epochs=1,
        checkpoint_callback=None,
        precision_plugin=SimpleNamespace(train_step_context=torch.enable_grad),
    )
    module._trainer = trainer  # type: ignore[assignment]
    module.on_fit_start()
    return module.train()


def gradients(
    module: MultiTaskModule, batches: Sequence[Batch], size: int, scale: float = 1.0
) -> list[dict[str, Tensor]]:
    """Of each step; weights stay."""
    steps: list[dict[str, Tensor]] = []
    loader: Any = batches if size == 1 else Windows(batches, size, lambda: None)
    for batch in loader:
        loss = module.training_step(batch, 0)
        if loss is not None:
            module.backward(loss / size * scale)
        if size == 1 or batch.place == len(batch.window) - 1:
            found = module.named_parameters()
            steps.append({n: p.grad / scale for n, p in found if p.grad is not None})
            module.zero_grad()
            method = module.weighting
            if getattr(method, "looks_again", False):
                module._look_again(batch.window or (batch,))
    return steps


@pytest.mark.matrix(method=METHODS, scale=["1", "1024"], batches=["2", "4", "16"])
def test_one_times_16_is_16_times_one(
    conf: Path, samples: Batch, method: str, scale: str, batches: str
) -> None:
    """Two steps each, so that what a method remembers counts, too."""
    own = f"weighting={method}".split()
    if method == "fixed":
        own.append("weighting.weights={a:0.5,b:3}")
    large = gradients(made(conf, own, 1), [samples, samples], 1, float(scale))
    assert large[0]
    size, count = int(batches), 16 // int(batches)
    parts = [cut(samples, range(i * count, (i + 1) * count)) for i in range(size)]
    small = gradients(made(conf, own, size), [*parts, *parts], size, float(scale))
    assert len(large) == len(small) == 2
    for whole, summed in zip(large, small, strict=True):
        for name in whole | summed:
            if name in summed and name not in whole:
                assert not summed[name].any()  # a scaler has to find something
                continue
            torch.testing.assert_close(summed[name], whole[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", ["equal", "gls", "mgda"])
def test_a_short_last_window_is_a_step_like_any_other(
    conf: Path, samples: Batch, method: str
) -> None:
    own = [f"weighting={method}"]
    parts = [cut(samples, range(i * 4, (i + 1) * 4)) for i in range(3)]
    _, ragged = gradients(made(conf, own, 2), parts, 2)
    (whole,) = gradients(made(conf, own, 1), [parts[2]], 1)
    for name, gradient in whole.items():
        torch.testing.assert_close(ragged[name], gradient, rtol=1e-5, atol=1e-7)


def test_nothing_labelled_is_no_step(conf: Path, samples: Batch) -> None:
    empty = [replace(cut(samples, [i]), targets={}) for i in range(2)]
    for method in ("equal", "gls", "mgda"):
        assert gradients(made(conf, [f"weighting={method}"], 2), empty, 2) == [{}]


def test_weights_known_ahead_are_those_of_the_step(conf: Path) -> None:
    """For every method on losses that promises them."""
    from mtl.config.groups import members
    from mtl.learning.weighting.bases.losses import LossWeighting

    promised = []
    for name in members("weighting"):
        method = build_module_weighting(name)
        if not isinstance(method, LossWeighting) or method.ahead((0, 2)) is None:
            continue
        promised.append(name)
        for _ in range(3):
            values = {t: torch.rand((), requires_grad=True) for t in ("a", "c")}
            ahead = method.ahead((0, 2))
            slopes = torch.autograd.grad(method(values), list(values.values()))
            torch.testing.assert_close(torch.stack(slopes), ahead.detach().float())
            method.on_epoch_end()
    assert promised == ["dwa", "equal", "fixed", "imtl_l", "rlw", "uncertainty"]


def build_module_weighting(name: str) -> Any:
    from weighting_losses_kit import method

    return method(name).float()


def test_limits_cut_the_last_window(samples: Batch) -> None:
    batches = [cut(samples, [i]) for i in range(6)]
    sizes = [len(b.window) for b in Windows(batches, 4, lambda: 5)]
    assert sizes == [4, 4, 4, 4, 1]


def test_a_training_counts_labels_alike(conf: Path, tmp_path: Path) -> None:
    """The trainer's own way: 16 samples at once, and one by one."""
    sgd = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false", "epochs=2"]
    sgd += ["optimizer.weight_decay=0", "lr=0.1", "trainer.gradient_clip_val=null"]
    for method in ("equal", "gls"):
        ends = []
        for own in (["batch_size=16"], ["batch_size=1", "trainer.accumulate_grad_batches=16"]):
            cfg = load([*BASE, *sgd, f"weighting={method}", "scheduler=constant", *own], conf)
            module, _ = fit(cfg, tmp_path / own[0])
            ends.append(module.network.state_dict())
        for name, value in ends[0].items():
            torch.testing.assert_close(ends[1][name], value, rtol=1e-4, atol=1e-6)


def test_interval_counts_steps(conf: Path, tmp_path: Path) -> None:
    """The log's losses are those of the steps."""
    logged: list[float] = []

    class Look(L.Callback):
        def on_before_optimizer_step(
            self, trainer: L.Trainer, pl_module: L.LightningModule, _: object
        ) -> None:
            logged.append(float(pl_module.summed.total))

    losses = []
    for own in (["batch_size=16"], ["batch_size=4", "trainer.accumulate_grad_batches=4"]):
        logged.clear()
        fit(load([*BASE, "epochs=1", *own], conf), tmp_path / own[0], Look())
        losses.append(list(logged))
    assert losses[0] == pytest.approx(losses[1])
