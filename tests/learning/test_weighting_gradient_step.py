"""The step of a training: which gradient each parameter gets."""

from pathlib import Path

import pytest
import torch
from gradient_step_kit import (
    SGD,
    SHAPES,
    Gradients,
    check,
    reference,
    run,
    shared_names,
)
from torch import Tensor, nn
from training_kit import fit, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.inner_products import gramian
from mtl.model.build import build_network


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf") / "conf")


@pytest.mark.parametrize("name", ["mgda", "nash_mtl"])
def test_gradient_at_all_parameters(conf: Path, name: str) -> None:
    check(*run(conf, f"weighting={name}"))


@pytest.mark.parametrize("name", ["mgda", "con_fig"])
def test_gradient_compared_at_a_stage(conf: Path, name: str) -> None:
    check(*run(conf, f"weighting={name}", "weighting.at=second"), ".second.")


def test_all_stages_are_all_parameters(conf: Path, tmp_path: Path) -> None:
    cfg = load([*SHAPES, *SGD, "weighting=mgda"], conf)
    cfg.weighting.at = ["first", "second"]
    stages = Gradients()
    fit(cfg, tmp_path, stages)
    _, everything = run(conf, "weighting=mgda")
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


def test_gradient_compared_at_the_features(conf: Path) -> None:
    """Heads on the last feature alone, so that a plain pass shows the gradient there."""
    own = ["weighting=mgda", "weighting.at=representation", "tasks=[classification,box]"]
    module, seen = run(conf, *own)
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
    conf: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with several levels of features, and batch statistics."""
    monkeypatch.setattr(
        "mtl.learning.weighting.mgda.MGDA.weights",
        lambda self, seen: torch.ones(len(seen.tasks)).double(),
    )
    own = ["backbone=small_cnn", "backbone.width=4"]
    at = "stage2" if at == "second" else at
    _, plain = run(conf, *own)
    module, seen = run(conf, *own, "weighting=mgda", f"weighting.at={at}")
    assert len(seen.steps) == len(plain.steps) == 2
    for one, other in zip(seen.steps, plain.steps, strict=True):
        assert one.keys() == other.keys()
        for name, gradient in one.items():
            torch.testing.assert_close(gradient, other[name], rtol=1e-3, atol=1e-5)
            assert gradient.stride() == module.network.get_parameter(name).stride()


def test_one_task_trains_as_ever(conf: Path) -> None:
    own = ["tasks=[classification]"]
    _, plain = run(conf, *own)
    _, seen = run(conf, *own, "weighting=cagrad", "weighting.at=representation")
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


@pytest.mark.parametrize("at", ["representation", "second", "parameters"])
def test_checkpointed_activations_change_nothing(conf: Path, at: str) -> None:
    own = ["weighting=mgda", f"weighting.at={at}"]
    _, plain = run(conf, *own)
    _, seen = run(conf, *own, "views.checkpointing=true")
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
