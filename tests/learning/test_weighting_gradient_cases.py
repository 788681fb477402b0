"""The gradient of a step over several batches, without a task, frozen, scaled, or resumed."""

from pathlib import Path

import pytest
import pytorch_lightning as L
import torch
from gradient_step_kit import PARTIAL, SGD, SHAPES, Gradients, reference, run
from resume_kit import resumed
from training_kit import fit, write_conf

from mtl.config.load import load
from mtl.errors import UserError
from mtl.learning.gradients.accumulation import Part
from mtl.learning.module import MultiTaskModule


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf") / "conf")


ACCUMULATED = [
    ("mgda", "parameters"),
    ("nash_mtl", "second"),
    ("cagrad", "representation"),
    ("moco", "parameters"),
    ("gradvac", "parameters"),
]


@pytest.mark.parametrize(("name", "at"), ACCUMULATED)
def test_accumulated_batches_make_the_step_of_one_large_batch(
    conf: Path, name: str, at: str
) -> None:
    own = [f"weighting={name}", f"weighting.at={at}", "trainer.gradient_clip_val=0.05"]
    _, one = run(conf, *own)
    _, many = run(conf, *own, "batch_size=4", "trainer.accumulate_grad_batches=2")
    assert len(one.steps) == len(many.steps) == 2
    for large, small in zip(one.steps, many.steps, strict=True):
        for key, gradient in large.items():
            torch.testing.assert_close(small[key], gradient, rtol=1e-3, atol=2e-6)


def test_accumulation_weighs_each_label_alike(conf: Path) -> None:
    own = ["weighting=mgda", "data.train=16"]
    _, one = run(conf, *own, "batch_size=16", base=tuple(PARTIAL))
    _, many = run(
        conf, *own, "batch_size=2", "trainer.accumulate_grad_batches=8", base=tuple(PARTIAL)
    )
    for key, gradient in one.steps[0].items():
        torch.testing.assert_close(many.steps[0][key], gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("at", ["parameters", "second", "representation"])
def test_absent_task_is_left_out_and_its_state_untouched(conf: Path, at: str) -> None:
    """Where each batch has one task's labels, each step is that task's own."""
    own = ["weighting=gradvac", f"weighting.at={at}", "batch_size=1"]
    module, seen = run(conf, *own, base=tuple(PARTIAL))
    assert not module.weighting.get_buffer("usual").any()
    assert 0 < len(seen.steps) <= 20
    step = next(i for i, batch in enumerate(seen.batches) if batch.targets)
    rows = reference(module, seen, step)
    assert len(rows) == 1
    found = next(g for g in seen.steps if g)
    (row,) = rows.values()
    assert found.keys() == row.keys()
    for name, gradient in row.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7)


class Freeze(L.Callback):
    def on_train_start(self, trainer: object, pl_module: MultiTaskModule) -> None:
        for name, parameter in pl_module.network.named_parameters():
            parameter.requires_grad_(".first." not in name)


@pytest.mark.parametrize("at", ["parameters", "first", "second", "representation"])
def test_frozen_stages_have_no_gradient(conf: Path, tmp_path: Path, at: str) -> None:
    seen = Gradients()
    cfg = load([*SHAPES, *SGD, "weighting=mgda", f"weighting.at={at}"], conf)
    fit(cfg, tmp_path, Freeze(), seen)
    for step in seen.steps:
        assert not any(".first." in name for name in step)
        assert any(".second." in name for name in step)


@pytest.mark.parametrize("name", ["nash_mtl", "graddrop", "excess_mtl"])
def test_bf16_autocast(conf: Path, name: str) -> None:
    _, seen = run(conf, f"weighting={name}", "trainer.precision=bf16-mixed")
    assert all(torch.isfinite(g).all() for step in seen.steps for g in step.values())
    assert all(g.dtype == torch.float32 for step in seen.steps for g in step.values())


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("fairgrad", "second"),
        ("fairgrad", "representation"),
        ("moco", "parameters"),
        ("excess_mtl", "second"),
    ],
)
def test_loss_scaling_is_on_the_gradient_and_not_in_the_method(
    conf: Path, tmp_path: Path, name: str, at: str
) -> None:
    """The scaler multiplies the loss by 2^10, and takes it away before the step."""
    own = [f"weighting={name}", f"weighting.at={at}"]
    _, plain = run(conf, *own)
    cfg = load([*SHAPES, *SGD, *own], conf)
    seen = Gradients()

    class Scaled(L.Callback):
        """Scales as mixed precision does, at full precision."""

        def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
            plugin = trainer.strategy.precision_plugin
            before = plugin.pre_backward
            plugin.pre_backward = lambda loss, module: before(loss, module) * 1024

        def on_before_optimizer_step(
            self, trainer: object, pl_module: L.LightningModule, _: object
        ) -> None:
            for parameter in pl_module.parameters():
                if parameter.grad is not None:
                    parameter.grad /= 1024

    fit(cfg, tmp_path, Scaled(), seen)
    for one, other in zip(plain.steps, seen.steps, strict=True):
        for key, gradient in one.items():
            torch.testing.assert_close(other[key], gradient, rtol=1e-4, atol=1e-6)


def test_overflow_is_left_to_the_scaler(conf: Path) -> None:
    module, _ = run(conf, "weighting=gradvac", "weighting.beta=0.5")
    before = module.weighting.get_buffer("usual").clone()
    assert before.any()
    losses = {t: torch.zeros((), requires_grad=True) for t in module.network.tasks}
    weight = module.network.get_parameter("encoder.backbone.stages.first.0.weight")
    losses = {t: weight.sum() * float("inf") for t in losses}
    values = {task: loss.detach() for task, loss in losses.items()}
    ones = dict.fromkeys(losses, 1.0)
    part = Part(losses, ones, tuple(losses), batches=1, first=True, last=True, values=values)
    module.zero_grad()
    assert module.gradient_step is not None
    module.gradient_step.backward(part, torch.ones(()), 0)
    assert not torch.isfinite(weight.grad).any()
    assert torch.equal(module.weighting.get_buffer("usual"), before)


@pytest.mark.parametrize("name", ["gradvac", "moco", "cagrad weighting.every=3"])
def test_resume_is_exact(tmp_path: Path, name: str) -> None:
    own = ["test=false", "callbacks.figures.enabled=false", "logger=none", "epochs=2"]
    resumed([*SHAPES, *own, *f"weighting={name}".split()], tmp_path, epoch=1)


def test_features_drop_signs_without_accumulation_only(conf: Path) -> None:
    own = ["weighting=graddrop", "weighting.at=representation"]
    _, seen = run(conf, *own)
    assert all(len(step) > 4 for step in seen.steps)
    with pytest.raises(UserError, match="accumulate_grad_batches"):
        run(conf, *own, "trainer.accumulate_grad_batches=2")
