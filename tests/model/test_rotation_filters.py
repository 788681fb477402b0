"""Kernels that are turned: equal to turned inputs, equivariant, and loadable as before."""

import copy

import pytest
import torch
import torchvision
from timm.layers import Conv2dSame
from torch import Tensor, nn

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.efficientnet_lite0 import EfficientNetLite0
from mtl.model.backbone.resnet import ResNet
from mtl.model.backbone.rotation import TurnedConv2d, apply_rotation, turn_filters
from mtl.model.build import build_network
from mtl.model.head.segmentation import Segmentation

DOUBLE = torch.float64


def quarter(x: Tensor, turns: int = 1) -> Tensor:
    return x.rot90(turns, (-2, -1))


def turned(layer: nn.Module, pool: str) -> nn.Module:
    layer = copy.deepcopy(layer)
    turn_filters(layer, pool, "backbone.rotation=filters")  # type: ignore[arg-type]
    return layer


def four_views(layer: nn.Module, x: Tensor, pool: str) -> Tensor:
    """Turn the input, convolve, turn back, pool."""
    maps = torch.stack([quarter(layer(quarter(x, t)), -t) for t in range(4)])
    return maps.amax(0) if pool == "max" else maps.mean(0)


@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize(
    ("kernel", "groups", "options"),
    [
        (3, 1, {}),
        (5, 2, {"bias": False}),
        (7, 4, {"padding_mode": "reflect"}),
        (3, 4, {"dilation": 2, "padding": 2}),
        (3, 1, {"padding": 0}),
    ],
)
def test_a_layer_equals_the_pass_over_four_views(kernel, groups, options, pool) -> None:
    options = {"padding": kernel // 2, **options}
    layer = nn.Conv2d(4, 8, kernel, groups=groups, dtype=DOUBLE, **options)
    x = torch.randn(2, 4, 9, 9, dtype=DOUBLE)
    found = turned(layer, pool)(x)
    torch.testing.assert_close(found, four_views(layer, x, pool), rtol=0, atol=1e-12)


def test_the_gradient_is_that_of_the_four_views() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1, dtype=DOUBLE)
    other = turned(layer, "max")
    x, weight = torch.randn(2, 2, 6, 6, dtype=DOUBLE), torch.randn(2, 3, 6, 6, dtype=DOUBLE)
    (other(x) * weight).sum().backward()
    (four_views(layer, x, "max") * weight).sum().backward()
    for mine, theirs in zip(other.parameters(), layer.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_max_by_hand() -> None:
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.zero_()[0, 0, 0, 1] = 1.0  # looks one pixel up
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 4.0
    cross = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert torch.equal(turned(layer, "max")(x)[0, 0], 4 * cross)
    assert torch.equal(turned(layer, "mean")(x)[0, 0], cross)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_a_stack_turns_with_its_input(pool: str) -> None:
    stack = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 5, padding=2, groups=8),
        nn.Conv2d(8, 8, 1),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3, padding=1),
    )
    x = torch.randn(2, 3, 12, 12)
    assert not torch.allclose(stack(quarter(x)), quarter(stack(x)), atol=1e-2)
    stack = turned(stack, pool)
    assert isinstance(stack[0], TurnedConv2d)
    assert not isinstance(stack[4], TurnedConv2d)
    for turns in (1, 2, 3):
        torch.testing.assert_close(
            stack(quarter(x, turns)), quarter(stack(x), turns), rtol=0, atol=1e-5
        )


def test_half_precision_and_channels_last() -> None:
    layer = turned(nn.Conv2d(4, 8, 3, stride=2, padding=1), "max")
    x = torch.randn(2, 4, 9, 9)
    wanted = layer(x)
    last = layer.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, wanted)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


@pytest.mark.slow
def test_resnet18_loads_from_and_into_the_ordinary_network() -> None:
    ordinary = torchvision.models.resnet18()
    backbone = ResNet(model="resnet18")
    names = list(backbone.state_dict())
    held = backbone.stages["layer1"]
    apply_rotation(backbone, "filters", "max")
    assert list(backbone.state_dict()) == names
    assert backbone.stages["layer1"] is held
    turned_layers = [m for m in backbone.modules() if isinstance(m, TurnedConv2d)]
    assert len(turned_layers) == 17  # of 20 convolutions three have 1x1 kernels
    plain = ResNet(model="resnet18")
    plain.load_state_dict(backbone.state_dict())
    backbone.load_state_dict(plain.state_dict())
    state = ordinary.state_dict()
    shapes = [tuple(v.shape) for k, v in state.items() if not k.startswith("fc")]
    assert [tuple(v.shape) for v in backbone.state_dict().values()] == shapes


@pytest.mark.slow
def test_weights_of_a_file_are_in_the_turned_network(tmp_path) -> None:
    ordinary = torchvision.models.resnet18()
    torch.save(ordinary.state_dict(), tmp_path / "r.pt")
    cfg = load(
        [
            "backbone=resnet18",
            "backbone.rotation=filters",
            f"backbone.weights={tmp_path / 'r.pt'}",
            "image_size=32",
        ]
    )
    network = build_network(cfg, build_data(cfg).targets)
    (backbone,) = (m for m in network.encoder.modules() if isinstance(m, Backbone))
    kernel = backbone.stages["layer4"][1].conv2  # type: ignore[index]
    assert isinstance(kernel, TurnedConv2d)
    assert torch.equal(kernel.weight, ordinary.layer4[1].conv2.weight)


@pytest.mark.slow
def test_efficientnet_lite0_keeps_its_padding_and_weights() -> None:
    plain = EfficientNetLite0().eval()
    backbone = copy.deepcopy(plain)
    apply_rotation(backbone, "filters", "max")
    assert list(backbone.state_dict()) == list(plain.state_dict())
    x = torch.randn(1, 3, 40, 40)
    shapes = {stride: f.shape for stride, f in plain(x).items()}
    assert {stride: f.shape for stride, f in backbone(x).items()} == shapes
    # Kernels that look the same from all sides are not changed by turning.
    with torch.no_grad():
        for p in (p for p in plain.parameters() if p.ndim == 4):
            p.copy_(torch.stack([quarter(p, t) for t in range(4)]).mean(0))
    backbone.load_state_dict(plain.state_dict())
    for stride, wanted in plain(x).items():
        torch.testing.assert_close(backbone(x)[stride], wanted, rtol=1e-4, atol=1e-4)


def test_same_padding_of_timm() -> None:
    layer = Conv2dSame(4, 8, 3, stride=2, groups=4)
    x = torch.randn(1, 4, 8, 8)
    kernels = [quarter(layer.weight, t) for t in range(4)]
    padded = nn.functional.pad(x, (0, 1, 0, 1))
    wanted = torch.stack(
        [nn.functional.conv2d(padded, k, layer.bias, 2, groups=4) for k in kernels]
    ).amax(0)
    torch.testing.assert_close(turned(layer, "max")(x), wanted)


class _Odd(nn.Conv2d):
    pass


def backbone_of(layer: nn.Module) -> Backbone:
    return Backbone({"a": layer}, (Stage("a", 4, 1),))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Conv2d(3, 4, (1, 7)), r"=filters: stages\.a has a kernel of 1x7, which has no quarter"),
        (nn.Conv2d(3, 4, 3, dilation=(1, 2)), r"a dilation of 1x2, which has no quarter turn"),
        (_Odd(3, 4, 3), r"stages\.a is a _Odd, whose kernel can't be turned; choose"),
        (nn.Conv2d(3, 4, 1), "this backbone has no convolution to turn; use rotation=none"),
    ],
)
def test_what_cannot_be_turned_is_refused(layer: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message):
        apply_rotation(backbone_of(layer), "filters", "max")
    assert not isinstance(layer, TurnedConv2d)


def test_wrong_words() -> None:
    backbone = backbone_of(nn.Conv2d(3, 4, 3))
    with pytest.raises(UserError, match="rotation=filter: did you mean filters"):
        apply_rotation(backbone, "filter", "max")
    with pytest.raises(UserError, match=r"rotation_pool=avg: .*allowed: max, mean"):
        apply_rotation(backbone, "filters", "avg")
    apply_rotation(backbone, "none", "max")
    assert type(backbone.stages["a"]) is nn.Conv2d


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_training_moves_the_shared_kernels(pool: str) -> None:
    options = ["tasks=[classification]", "image_size=32", f"backbone.rotation_pool={pool}"]
    cfg = load(["backbone.rotation=filters", *options])
    network = build_network(cfg, build_data(cfg).targets)
    raw = network(torch.randn(2, 3, 32, 32))
    raw["classification"].square().mean().backward()
    kernels = [m for m in network.encoder.modules() if isinstance(m, TurnedConv2d)]
    assert len(kernels) == 7
    assert {k.pool for k in kernels} == {pool}
    assert all(k.weight.grad is not None and k.weight.grad.any() for k in kernels)


def test_segmentation_head_turns_with_its_features() -> None:
    stages = (Stage("a", 4, 4), Stage("b", 6, 8), Stage("c", 8, 16))
    head = Segmentation(
        target=Target("mask", ("ground", "x")), stages=stages, image_size=32, channels=8
    ).eval()
    names = list(head.state_dict())
    features = {s.stride: torch.randn(2, s.channels, *[32 // s.stride] * 2) for s in stages}
    around = {stride: quarter(f) for stride, f in features.items()}
    before = head(features)
    assert not torch.allclose(head(around), quarter(before), atol=1e-2)
    head.make_equivariant()
    assert list(head.state_dict()) == names
    torch.testing.assert_close(
        head.predict(head(around)), quarter(head.predict(head(features))), rtol=0, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["small_cnn", "resnet18"])
def test_quarter_turns_of_the_input_through_the_whole_network(backbone: str) -> None:
    cfg = load(
        [
            "tasks=[classification,segmentation]",
            f"backbone={backbone}",
            "image_size=32",
            "views=rotations",
            "views.angles=[0,90,180,270]",
            "views.equivariant=true",
            "encoder=shared",
            "fusion=mean",
        ]
    )
    torch.manual_seed(0)
    network = build_network(cfg, build_data(cfg).targets).eval()
    image = torch.randn(3, 3, 32, 32)
    found = network.predict(image)
    assert found["segmentation"].flatten(2).std(2).min() > 1e-4  # something that can turn
    for turns in (1, 2, 3):
        around = network.predict(quarter(image, turns))
        torch.testing.assert_close(
            around["classification"], found["classification"], rtol=0, atol=1e-5
        )
        torch.testing.assert_close(
            around["segmentation"], quarter(found["segmentation"], turns), rtol=0, atol=1e-5
        )
