"""The step of a training: which gradient each parameter gets, under which circumstances."""

from pathlib import Path

import pytest
import pytorch_lightning as L
import torch
from torch import Tensor, nn
from training_kit import checkpoint, fit, same_weights, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.gradients.accumulation import Part
from mtl.learning.gradients.reach import layout
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.inner_products import gramian
from mtl.model.build import build_network
from mtl.runs.train import train

SHAPES = [
    "data=shapes",
    "data.train=16",
    "data.val=2",
    "data.test=2",
    "tasks=[classification,box,segmentation]",
    "image_size=32",
    "batch_size=8",
    "backbone=plain",
    "augmentation=none",
    "scheduler=constant",
    "epochs=1",
    "heads.segmentation.channels=8",
    "trainer.gradient_clip_val=null",
]
PARTIAL = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4", "epochs=1"]
SGD = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false"]
SGD += ["optimizer.weight_decay=0", "lr=0.1"]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


class Gradients(L.Callback):
    """Keeps what is in .grad at each step, and the batch and weights that it came from."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []
        self.batches: list[object] = []
        self.states: list[dict[str, Tensor]] = []
        self.in_force: list[dict[str, float]] = []

    def on_train_batch_start(
        self, trainer: object, pl_module: MultiTaskModule, batch: object, _: int
    ) -> None:
        self.batches.append(batch)
        self.states.append({k: v.clone() for k, v in pl_module.network.state_dict().items()})

    def on_before_optimizer_step(
        self, trainer: object, pl_module: MultiTaskModule, _: object
    ) -> None:
        self.steps.append(
            {
                n: p.grad.clone()
                for n, p in pl_module.network.named_parameters()
                if p.grad is not None
            }
        )
        self.in_force.append({t: float(w) for t, w in pl_module.weighting.in_force.items()})


def run(
    conf: Path, folder: Path, *own: str, base: list[str] = SHAPES
) -> tuple[MultiTaskModule, Gradients]:
    seen = Gradients()
    module, _ = fit(load([*base, *SGD, *own], conf), folder, seen)
    return module, seen


def reference(module: MultiTaskModule, seen: Gradients, step: int) -> dict[str, dict[str, Tensor]]:
    """Each task's plain gradient on a step's batch and weights."""
    module.network.load_state_dict(seen.states[step])
    module.train()
    found: dict[str, dict[str, Tensor]] = {}
    for task in module.network.tasks:
        module.zero_grad()
        torch.manual_seed(seen.batches[step].seed)
        losses = module.losses(seen.batches[step])
        if task not in losses:
            continue
        losses[task].backward()
        found[task] = {
            n: p.grad.clone() for n, p in module.network.named_parameters() if p.grad is not None
        }
    module.zero_grad()
    return found


def shared_names(module: MultiTaskModule) -> set[str]:
    names = {id(p): n for n, p in module.network.named_parameters()}
    return {
        names[id(e.parameter)]
        for e in layout(module.network, module.settings["image_size"])
        if e.combined
    }


def geometry(
    rows: dict[str, dict[str, Tensor]], names: set[str], all_tasks: tuple[str, ...]
) -> TaskGradients:
    flat = torch.stack(
        [torch.cat([r[n].flatten() for n in sorted(names)]) for r in rows.values()]
    ).double()
    return TaskGradients(
        tuple(rows),
        torch.tensor([all_tasks.index(t) for t in rows]),
        torch.ones(len(rows), dtype=torch.float64),
        flat @ flat.T,
    )


def check(
    module: MultiTaskModule, seen: Gradients, compared: str = "", tolerance: float = 1e-6
) -> None:
    """The gradient is the weighted sum where tasks share, and the task's own elsewhere."""
    for step, found in enumerate(seen.steps):
        rows = reference(module, seen, step)
        names = shared_names(module)
        measured = {n for n in names if compared in n}
        assert measured
        torch.manual_seed(0)
        weights = module.weighting.weights(geometry(rows, measured, module.network.tasks)).tolist()
        assert seen.in_force[step] == pytest.approx(dict(zip(rows, weights, strict=True)), rel=2e-3)
        for name, gradient in found.items():
            parts = [
                (w if name in names else 1.0) * rows[t][name]
                for w, t in zip(weights, rows, strict=True)
                if name in rows[t]
            ]
            torch.testing.assert_close(
                gradient, torch.stack(parts).sum(0), rtol=2e-3, atol=tolerance
            )
        assert found.keys() == {n for row in rows.values() for n in row}


@pytest.mark.parametrize("name", ["mgda", "nash_mtl"])
def test_gradient_at_all_parameters(conf: Path, tmp_path: Path, name: str) -> None:
    check(*run(conf, tmp_path, f"weighting={name}"))


@pytest.mark.parametrize("name", ["mgda", "con_fig"])
def test_gradient_compared_at_a_stage(conf: Path, tmp_path: Path, name: str) -> None:
    check(*run(conf, tmp_path, f"weighting={name}", "weighting.at=second"), ".second.")


def test_all_stages_are_all_parameters(conf: Path, tmp_path: Path) -> None:
    cfg = load([*SHAPES, *SGD, "weighting=mgda"], conf)
    cfg.weighting.at = ["first", "second"]
    stages = Gradients()
    fit(cfg, tmp_path, stages)
    _, everything = run(conf, tmp_path, "weighting=mgda")
    for one, other in zip(stages.steps, everything.steps, strict=True):
        for name, gradient in one.items():
            torch.testing.assert_close(gradient, other[name], rtol=1e-4, atol=1e-6)


def feature_products(module: MultiTaskModule, seen: Gradients, step: int) -> Tensor:
    """The Gramian at the features, by retained gradients of a plain backward pass per task."""
    module.network.load_state_dict(seen.states[step])
    rows = []
    for task in module.network.tasks:
        kept: list[Tensor] = []

        def keep(
            _: object, __: object, features: dict[str, dict[int, Tensor]], to: list[Tensor] = kept
        ) -> None:
            for feature in next(iter(features.values())).values():
                feature.retain_grad()
                to.append(feature)

        handle = module.network.encoder.register_forward_hook(keep)
        torch.manual_seed(seen.batches[step].seed)
        loss = module.losses(seen.batches[step])[task]
        handle.remove()
        # Earlier features also get gradients through later ones; only the heads' own count.
        head = torch.autograd.grad(loss, [kept[-1]], retain_graph=True)[0]
        rows.append([head])
    return gramian(rows, rows[0][0])


def test_gradient_compared_at_the_features(conf: Path, tmp_path: Path) -> None:
    """Heads on the last feature alone, so that a plain pass shows the gradient there."""
    own = ["weighting=mgda", "weighting.at=representation", "tasks=[classification,box]"]
    module, seen = run(conf, tmp_path, *own)
    assert isinstance(module.weighting, GramianWeighting)
    for step, found in enumerate(seen.steps):
        products = feature_products(module, seen, step)
        one = torch.ones(2, dtype=torch.float64)
        geo = TaskGradients(module.network.tasks, torch.arange(2), one, products.double())
        weights = module.weighting.weights(geo).tolist()
        rows = reference(module, seen, step)
        shared = shared_names(module)
        for name, gradient in found.items():
            parts = [
                (w if name in shared else 1.0) * rows[t][name]
                for w, t in zip(weights, rows, strict=True)
                if name in rows[t]
            ]
            torch.testing.assert_close(gradient, torch.stack(parts).sum(0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("at", ["parameters", "second", "representation"])
def test_equal_weights_give_the_plain_gradient(
    conf: Path, tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with several levels of features, and batch statistics."""
    monkeypatch.setattr(
        "mtl.learning.weighting.mgda.MGDA.weights",
        lambda self, seen: torch.ones(len(seen.tasks)).double(),
    )
    own = ["backbone=small_cnn", "backbone.width=4"]
    at = "stage2" if at == "second" else at
    _, plain = run(conf, tmp_path, *own)
    module, seen = run(conf, tmp_path, *own, "weighting=mgda", f"weighting.at={at}")
    assert len(seen.steps) == len(plain.steps) == 2
    for one, other in zip(seen.steps, plain.steps, strict=True):
        assert one.keys() == other.keys()
        for name, gradient in one.items():
            torch.testing.assert_close(gradient, other[name], rtol=1e-3, atol=1e-5)
            assert gradient.stride() == module.network.get_parameter(name).stride()


ACCUMULATED = [
    ("mgda", "parameters"),
    ("nash_mtl", "second"),
    ("cagrad", "representation"),
    ("moco", "parameters"),
    ("gradvac", "parameters"),
]


@pytest.mark.parametrize(("name", "at"), ACCUMULATED)
def test_accumulated_batches_make_the_step_of_one_large_batch(
    conf: Path, tmp_path: Path, name: str, at: str
) -> None:
    own = [f"weighting={name}", f"weighting.at={at}", "trainer.gradient_clip_val=0.05"]
    _, one = run(conf, tmp_path, *own)
    _, many = run(conf, tmp_path, *own, "batch_size=4", "trainer.accumulate_grad_batches=2")
    assert len(one.steps) == len(many.steps) == 2
    for large, small in zip(one.steps, many.steps, strict=True):
        for key, gradient in large.items():
            torch.testing.assert_close(small[key], gradient, rtol=1e-3, atol=2e-6)


def test_accumulation_weighs_each_label_alike(conf: Path, tmp_path: Path) -> None:
    own = ["weighting=mgda", "data.train=16"]
    _, one = run(conf, tmp_path, *own, "batch_size=16", base=PARTIAL)
    _, many = run(
        conf, tmp_path, *own, "batch_size=2", "trainer.accumulate_grad_batches=8", base=PARTIAL
    )
    for key, gradient in one.steps[0].items():
        torch.testing.assert_close(many.steps[0][key], gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("at", ["parameters", "second", "representation"])
def test_absent_task_is_left_out_and_its_state_untouched(
    conf: Path, tmp_path: Path, at: str
) -> None:
    """Where each batch has one task's labels, each step is that task's own."""
    own = ["weighting=gradvac", f"weighting.at={at}", "batch_size=1"]
    module, seen = run(conf, tmp_path, *own, base=PARTIAL)
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
def test_bf16_autocast(conf: Path, tmp_path: Path, name: str) -> None:
    _, seen = run(conf, tmp_path, f"weighting={name}", "trainer.precision=bf16-mixed")
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
    _, plain = run(conf, tmp_path, *own)
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


def test_overflow_is_left_to_the_scaler(conf: Path, tmp_path: Path) -> None:
    module, _ = run(conf, tmp_path, "weighting=gradvac", "weighting.beta=0.5")
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
def test_resume_is_exact(conf: Path, tmp_path: Path, name: str) -> None:
    """Two epochs at once, and one after the other."""
    own = [
        *SHAPES,
        *f"weighting={name}".split(),
        "test=false",
        "callbacks.figures.enabled=false",
        "logger=none",
    ]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(load([*own, "epochs=2"], conf), whole)

    class Stop(Exception):
        pass

    original = MultiTaskModule.on_train_epoch_start

    def stop(self: MultiTaskModule) -> None:
        if self.current_epoch == 1:
            raise Stop

    MultiTaskModule.on_train_epoch_start = stop
    try:
        with pytest.raises(Stop):
            train(load([*own, "epochs=2"], conf), parts)
    finally:
        MultiTaskModule.on_train_epoch_start = original
    train(load([*own, "epochs=2"], conf), parts)
    assert same_weights(
        checkpoint(whole, "last")["state_dict"], checkpoint(parts, "last")["state_dict"]
    )


def test_one_task_trains_as_ever(conf: Path, tmp_path: Path) -> None:
    own = ["tasks=[classification]"]
    _, plain = run(conf, tmp_path, *own)
    _, seen = run(conf, tmp_path, *own, "weighting=cagrad", "weighting.at=representation")
    for one, other in zip(plain.steps, seen.steps, strict=True):
        for name, gradient in one.items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            ["weighting.at=layer9"],
            "weighting.at=layer9: no such stage; allowed: first, second, parameters, repr",
        ),
        (["encoder=per_task"], "this encoder shares no parameters; use weighting=equal"),
        (["encoder=cross_stitch", "weighting.at=representation"], "each task features of its own"),
    ],
)
def test_what_does_not_fit_is_refused(conf: Path, own: list[str], message: str) -> None:
    cfg = load([*SHAPES, "weighting=mgda", *own], conf)
    with pytest.raises(UserError, match=message) as error:
        build_module(cfg, build_network(cfg, build_data(cfg).targets))
    assert "\n" not in str(error.value)


def test_features_drop_signs_without_accumulation_only(conf: Path, tmp_path: Path) -> None:
    own = ["weighting=graddrop", "weighting.at=representation"]
    _, seen = run(conf, tmp_path, *own)
    assert all(len(step) > 4 for step in seen.steps)
    with pytest.raises(UserError, match="accumulate_grad_batches"):
        run(conf, tmp_path, *own, "trainer.accumulate_grad_batches=2")


@pytest.mark.parametrize("at", ["representation", "second", "parameters"])
def test_checkpointed_activations_change_nothing(conf: Path, tmp_path: Path, at: str) -> None:
    own = ["weighting=mgda", f"weighting.at={at}"]
    _, plain = run(conf, tmp_path, *own)
    _, seen = run(conf, tmp_path, *own, "views.checkpointing=true")
    for one, other in zip(plain.steps, seen.steps, strict=True):
        for name, gradient in one.items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-5, atol=1e-7)


def test_gramian_of_lists_is_that_of_the_matrix() -> None:
    torch.manual_seed(0)
    shapes = [(4, 3, 3, 3), (4,), (2, 5)]
    rows = [[torch.randn(shape) for shape in shapes] for _ in range(3)]
    rows[0][0] = rows[0][0].to(memory_format=torch.channels_last)
    rows[1][1] = torch.ones(()).expand(4)
    flat = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
    torch.testing.assert_close(gramian(rows, flat), flat @ flat.T)
    rows[2][0] = None
    flat[2, : 4 * 27] = 0
    torch.testing.assert_close(gramian(rows, flat), flat @ flat.T)


def test_two_quadratics_reach_the_pareto_point_of_mgda(conf: Path) -> None:
    """Losses |x - a|² and 4 |x - b|²: the shortest mixture vanishes between a and b."""
    from mtl.learning.weighting.mgda import MGDA

    method = MGDA(["u", "v"])
    x = nn.Parameter(torch.tensor([3.0, 2.0], dtype=torch.float64))
    a, b = torch.tensor([0.0, 0.0]).double(), torch.tensor([1.0, 0.0]).double()
    for _ in range(400):
        rows = torch.stack([2 * (x.detach() - a), 8 * (x.detach() - b)])
        one = torch.ones(2, dtype=torch.float64)
        weights = method.weights(TaskGradients(("u", "v"), torch.arange(2), one, rows @ rows.T))
        x.data -= 0.1 * weights @ rows
    assert abs(float(x.data[1])) < 1e-3
    assert -1e-3 <= float(x.data[0]) <= 1 + 1e-3
