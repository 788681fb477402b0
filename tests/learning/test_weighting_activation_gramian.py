"""Inner products at layers from what goes in and comes out, against those of the gradients."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.activation_gramian import Call, LayerWatch, layer_products
from mtl.learning.weighting.gradient import Geometry
from mtl.learning.weighting.mgda import MGDA
from mtl.learning.weighting.ranks import over_ranks
from mtl.learning.weighting.spared import Spared
from mtl.model.build import build_network

BASE = [
    "data=shapes",
    "data.train=8",
    "data.val=2",
    "data.test=2",
    "tasks=[classification,box,segmentation]",
    "image_size=32",
    "batch_size=8",
    "augmentation=none",
    "heads.segmentation.channels=8",
    "weighting=mgda",
]
SMALL = ["backbone=small_cnn", "backbone.width=4", "backbone.depth=2"]


def tiny(*more: str) -> tuple[MultiTaskModule, object]:
    cfg = load([*BASE, *more])
    torch.manual_seed(0)
    data = build_data(cfg)
    data.prepare_data()
    batch = data.finish(next(iter(data.loader("train", training=True))), training=True)
    return build_module(cfg, build_network(cfg, data.targets)).train(), batch


def step(module: MultiTaskModule, batch: object, factor: float = 1.0) -> dict[str, Tensor]:
    """.grad after a step; running statistics don't matter to it."""
    engine = module.gradient_step
    assert engine is not None
    module.zero_grad()
    torch.manual_seed(3)
    with engine.watching():
        local, counts = module.counted_losses(batch)
    losses = over_ranks(module.network.tasks, local, counts, module.device)
    engine.backward(losses, torch.tensor(factor), batches=1, last=True, step=0)
    named = module.network.named_parameters()
    return {name: p.grad.clone() for name, p in named if p.grad is not None}


SPARED: list[set[int]] = []
"""Ids of the parameters that each step of a test spared."""


@pytest.fixture(autouse=True)
def _spy(monkeypatch: pytest.MonkeyPatch) -> None:
    SPARED.clear()
    back = Spared.back

    def spy(self: Spared, *arguments: Any) -> object:
        SPARED.append(self.parameters)
        return back(self, *arguments)

    monkeypatch.setattr(Spared, "back", spy)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Geometry]:
    """What the method was shown; its weights are 2, 1/2 and 1."""
    found: list[Geometry] = []

    def weights(_: MGDA, geometry: Geometry) -> Tensor:
        found.append(geometry)
        return torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64)[: len(geometry.tasks)]

    monkeypatch.setattr(MGDA, "weights", weights)
    return found


def both(
    module: MultiTaskModule, batch: object, seen: list[Geometry], tolerance: float
) -> set[str]:
    """Compare with the step that takes all gradients; names of the parameters it spared."""
    engine = module.gradient_step
    assert engine is not None
    got = step(module, batch)
    names = {id(p): name for name, p in module.network.named_parameters()}
    spared = {names[i] for i in SPARED[0]}
    engine.sparing.watch = None
    wanted = step(module, batch)
    assert not SPARED[1]
    (ours, plain), size = seen, float(seen[1].gramian.abs().max())
    assert ours.tasks == plain.tasks
    # Long dot products in float32 are what's less exact.
    near = 1e-4 if tolerance > 1e-6 else tolerance
    torch.testing.assert_close(ours.gramian, plain.gramian, rtol=near, atol=near * size)
    assert got.keys() == wanted.keys()
    for name, gradient in wanted.items():
        largest = float(gradient.abs().max())
        torch.testing.assert_close(got[name], gradient, rtol=tolerance, atol=tolerance * largest)
        assert got[name].stride() == module.network.get_parameter(name).stride()
    return spared


CASES = {
    "small_cnn": [*SMALL, "weighting.at=stage3"],
    "several stages": [*SMALL, "weighting.at=[stage1,stage2]"],
    "the last two": [*SMALL, "weighting.at=[stage2,stage3]"],
    "resnet18": ["backbone=resnet18", "weighting.at=layer4"],
}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are spared however much it costs."""
    monkeypatch.setattr(Call, "cheaper", lambda self, tasks: True)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    ("dtype", "absent"),
    [(torch.float32, None), (torch.float64, None), (torch.float64, "boxes")],
)
@pytest.mark.parametrize("name", CASES)
def test_step_is_that_of_all_gradients(
    name: str, dtype: torch.dtype, absent: str | None, seen: list[Geometry]
) -> None:
    module, batch = tiny(*CASES[name])
    module.to(dtype)
    targets = {k: v for k, v in batch.targets.items() if k != absent}
    batch = replace(batch, image=batch.image.to(dtype), targets=targets)
    spared = both(module, batch, seen, 1e-5 if dtype == torch.float32 else 1e-10)
    assert len(seen[0].tasks) == (3 if absent is None else 2)
    convolutions = {
        n: p for n, p in module.network.encoder.named_parameters(prefix="encoder") if p.ndim == 4
    }
    stages = module.weighting.at
    assert spared == {n for n in convolutions if any(f".{stage}." in n for stage in stages)}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", CASES)
def test_products_in_float32_are_near_those_in_float64(name: str, seen: list[Geometry]) -> None:
    module, batch = tiny(*CASES[name])
    step(module, batch)
    module.double()
    step(module, replace(batch, image=batch.image.double()))
    norms = seen[1].gramian.diagonal().sqrt()
    scale = norms[:, None] * norms
    torch.testing.assert_close(seen[0].gramian / scale, seen[1].gramian / scale, rtol=0, atol=1e-5)


TIED = ["encoder=branches", "encoder.tied_stages=[stage3]"]
VIEWS = ["views=rotations", "views.angles=[0,90]", "fusion=mean"]


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    ("options", "some", "none"),
    [
        (["backbone=vgg16", "batch_size=2", "weighting.at=block5"], ".bias", ".block4."),
        (["backbone=efficientnet_lite0", "weighting.at=stage4"], "conv_pw", "conv_dw"),
        ([*SMALL, "encoder=siamese", *VIEWS[:2], "weighting.at=stage2"], ".conv1", ".bn1"),
        ([*SMALL, "encoder=mtan", "weighting.at=stage2"], ".conv1", ".bn1"),
        ([*SMALL, "encoder=branches", *VIEWS, "weighting.at=stage2"], ".conv1", ".bn1"),
        (
            [*SMALL, *VIEWS, *TIED, "weighting.at=stage3"],
            ".conv1",
            ".bn1",
        ),
    ],
)
def test_other_networks(options: list[str], some: str, none: str, seen: list[Geometry]) -> None:
    """Biases behind which activations are overwritten, groups, several views and branches."""
    module, batch = tiny(*options)
    module.double()
    spared = both(module, replace(batch, image=batch.image.double()), seen, 1e-10)
    assert any(some in name for name in spared)
    assert not any(none in name for name in spared)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    "options",
    [
        ["views=rotations", "views.checkpointing=true", "fusion=mean"],
        ["weighting=excess_mtl"],
        ["weighting.at=parameters"],
        ["weighting.at=representation"],
    ],
)
def test_where_layers_are_not_spared(options: list[str]) -> None:
    """Activations not kept; a method that looks at gradients; other places."""
    module, batch = tiny(*SMALL, "weighting.at=stage3", *options)
    assert step(module, batch)
    assert not any(SPARED)


@pytest.mark.usefixtures("always")
def test_accumulated_batches_take_all_gradients() -> None:
    module, batch = tiny(*SMALL, "weighting.at=stage3")
    engine = module.gradient_step
    assert engine is not None
    assert engine.sparing.watch is not None
    with engine.watching():
        losses, counts = module.counted_losses(batch)
    found = over_ranks(module.network.tasks, losses, counts, module.device)
    engine.backward(found, torch.tensor(0.5), batches=2, last=True, step=0)
    assert not SPARED
    assert not engine.sparing.watch.calls


@pytest.mark.usefixtures("always")
def test_loss_scaling_is_not_in_the_products(seen: list[Geometry]) -> None:
    module, batch = tiny(*SMALL, "weighting.at=stage3")
    plain, scaled = step(module, batch), step(module, batch, factor=1024.0)
    torch.testing.assert_close(seen[1].gramian, seen[0].gramian, rtol=1e-5, atol=0)
    for name, gradient in plain.items():
        torch.testing.assert_close(scaled[name] / 1024, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("frozen", ["stem", "stage2"])
def test_frozen_stages_in_front(frozen: str, seen: list[Geometry]) -> None:
    """The first stage, and all in front of the measured one."""
    module, batch = tiny(*SMALL, "weighting.at=stage3")
    for name, parameter in module.network.encoder.named_parameters():
        if f".{frozen}." in name or (frozen == "stage2" and ".stage3." not in name):
            parameter.requires_grad_(False)
    assert both(module, batch, seen, 1e-5)


@pytest.mark.usefixtures("always")
def test_frozen_parameters_do_not_count(seen: list[Geometry]) -> None:
    module, batch = tiny("backbone=vgg16", "batch_size=2", "weighting.at=block5")
    stage = module.network.encoder.backbone.stages["block5"]
    first, second, third = (m for m in stage.modules() if isinstance(m, nn.Conv2d))
    first.weight.requires_grad_(False)
    second.bias.requires_grad_(False)
    third.requires_grad_(False)
    module.double()
    spared = both(module, replace(batch, image=batch.image.double()), seen, 1e-10)
    assert {name for name in spared if name.endswith("weight")} == spared
    assert len(spared) == 1
    assert first.weight.grad is None
    assert second.bias.grad is None


def call(layer: nn.Module, x: Tensor) -> tuple[list[Call], Tensor]:
    watch = LayerWatch(nn.Sequential(layer), list(layer.parameters()))
    with watch.watching():
        y = layer(x)
    watch.calls = {k: [c] for k, (c,) in watch.calls.items() if c is not None}
    return [c for (c,) in watch.calls.values()], y


def test_products_by_hand() -> None:
    """Inputs (1, 2) and (3, 0); gradients at two places are 1, 1 for one task and 2, -1."""
    layer = nn.Linear(2, 1)
    calls, _ = call(layer, torch.tensor([[1.0, 2.0], [3.0, 0.0]]))
    rows = [[torch.tensor([[1.0], [1.0]])], [None], [torch.tensor([[2.0], [-1.0]])]]
    # At weight and bias: (4, 2 | 2) and (-1, 4 | 1).
    wanted = torch.tensor([[24.0, 0.0, 6.0], [0.0, 0.0, 0.0], [6.0, 0.0, 18.0]])
    torch.testing.assert_close(layer_products(calls, rows, wanted), wanted)
    layer.bias.requires_grad_(False)
    wanted = torch.tensor([[20.0, 0.0, 4.0], [0.0, 0.0, 0.0], [4.0, 0.0, 17.0]])
    torch.testing.assert_close(layer_products(calls, rows, wanted), wanted)


LAYERS = [
    (nn.Conv2d(3, 4, 3, 1, 1), (2, 3, 5, 6)),
    (nn.Conv2d(3, 4, (3, 2), (2, 1), (0, 1), bias=False), (2, 3, 7, 6)),
    (nn.Conv2d(3, 2, (2, 3), (1, 2), (3, 1), (2, 3)), (2, 3, 8, 9)),
    (nn.Conv2d(3, 4, 1, 2), (2, 3, 5, 5)),
    (nn.Linear(3, 4), (2, 5, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
@pytest.mark.parametrize("channels_last", [False, True])
def test_products_are_those_of_autograds_gradients(
    layer: nn.Module, shape: tuple[int, ...], channels_last: bool
) -> None:
    torch.manual_seed(0)
    layer = layer.double()
    x = torch.randn(shape, dtype=torch.float64)
    if channels_last and x.ndim == 4:
        x = x.to(memory_format=torch.channels_last)
    (found,), y = call(layer, x)
    gradients = [torch.randn_like(y) for _ in range(3)]
    flat = torch.stack(
        [
            torch.cat(
                [
                    g.flatten()
                    for g in torch.autograd.grad(y, layer.parameters(), d, retain_graph=True)
                ]
            )
            for d in gradients
        ]
    )
    torch.testing.assert_close(found.products(gradients), flat @ flat.T)


class Own(nn.Linear):
    """A subclass may do anything."""


def test_which_calls_are_remembered() -> None:
    used = nn.ModuleDict(
        {
            "once": nn.Linear(4, 4),
            "twice": nn.Linear(4, 4),
            "never": nn.Linear(4, 4),
            "tied": nn.Linear(4, 4),
            "other": nn.Linear(4, 4),
            "named": nn.Linear(4, 4),
            "own": Own(4, 4),
            "frozen": nn.Linear(4, 4),
            "unmeasured": nn.Linear(4, 4),
            "low": nn.Linear(4, 4),
        }
    )
    used["other"].weight = used["tied"].weight
    used["frozen"].weight.requires_grad_(False)
    parameters = [p for n, p in used.named_parameters() if "unmeasured" not in n]
    watch = LayerWatch(used, parameters)
    x = torch.ones(1, 4)
    with watch.watching():
        for name in ("once", "twice", "twice", "tied", "other", "own", "frozen", "unmeasured"):
            used[name](x)
        used["named"](input=x)
        with torch.no_grad():
            used["never"](x)
        with torch.autocast("cpu", torch.bfloat16):
            used["low"](x)
    assert [c.layer for c in watch.take(8)] == [used["once"]]
    assert not watch.calls
    used["once"](x)
    assert not watch.calls


def test_in_place_changes_and_hooks_of_others_do_not_matter() -> None:
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda *found: found[2] * 3)
    (found,), y = call(layer, torch.ones(1, 2))
    y = y.mul_(2)
    (gradient,) = torch.autograd.grad(y.sum(), found.edge)
    assert gradient.tolist() == [[6.0, 6.0]]


def test_spared_where_multiplications_are_fewer() -> None:
    """n (D + m O) against (m - 1) D O: 2048 n for D = 512, O = 512, m = 3 against 524288."""
    layer = nn.Linear(512, 512)
    (found,), _ = call(layer, torch.ones(1, 512))
    assert replace(found, positions=255).cheaper(3)
    assert not replace(found, positions=256).cheaper(3)
    assert not found.cheaper(1)


def test_last_stage_of_a_resnet_is_spared() -> None:
    module, batch = tiny("backbone=resnet18", "weighting.at=layer4")
    step(module, batch)
    assert len(SPARED[0]) == 5
