"""Streams of views and branches merged in the image's frame."""

import math

import pytest
import torch
from fusion_kit import MEMBERS, STAGES, SYMMETRIC, Quarters, Turns, features, fusion
from fusion_kit import write_fusion_conf as write
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from training_kit import PlainBackbone

from mtl.config.groups import members
from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.data.build import build_data
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.fusion.attention import Attention
from mtl.model.fusion.base import Fusion
from mtl.model.fusion.mil_attention import MilAttention
from mtl.model.views.single import Single

ONE = (Stage("only", 1, 4),)


def merged(made: Fusion, maps: Tensor) -> Tensor:
    """The maps of task a after fusion, of one level."""
    return made({"a": {4: maps}})["a"][4]


def cells(*values: float) -> Tensor:
    """One cell per stream, one channel, one image."""
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("member", "expected"),
    [("mean", [2.0]), ("max", [5.0]), ("concat", [-1.0, 2.0, 5.0]), ("attention", [2.0]),
     ("mil_attention", [2.0])],
)  # fmt: skip
def test_three_branches_on_the_image_by_hand(member: str, expected: list[float]) -> None:
    made = fusion(member, Single(), ["a"], streams=(0, 0, 0), stages=ONE)
    assert merged(made, cells(-1, 2, 5)).flatten().tolist() == pytest.approx(expected)


def test_attention_by_hand() -> None:
    made = Attention(ONE, ["a"], Single(), (0, 0), "none", hidden=1)
    for parameter, value in zip(made.parameters(), (1.0, 0.0, 2.0), strict=True):
        nn.init.constant_(parameter, value)
    # Scores 2 tanh(0) and 2 tanh(1), values 0 and 1.
    share = 1 / (1 + math.exp(-2 * math.tanh(1.0)))
    assert merged(made, cells(0, 1)).item() == pytest.approx(share)
    gauges = made.gauges()
    assert gauges["attention/0°.1"].item() == pytest.approx(1 - share)
    assert gauges["attention/0°.2"].item() == pytest.approx(share)


def hand_mil(views: Single | Quarters, streams: tuple[int, ...]) -> MilAttention:
    """Score 3 tanh(h) sigmoid(0) = 1.5 tanh(h)."""
    made = MilAttention(ONE, ["a"], views, streams, "none", hidden=1)
    values = {"value.weight": 1.0, "score.weight": 3.0}
    for name, parameter in made.scores[0].named_parameters():
        nn.init.constant_(parameter, values.get(name, 0.0))
    return made


def test_mil_attention_by_hand() -> None:
    made = hand_mil(Single(), (0, 0))
    share = 1 / (1 + math.exp(-1.5 * math.tanh(1.0)))
    # Two images: instances 0 and 1, instances 1 and 1.
    assert merged(made, cells(0, 1, 1, 1)).flatten().tolist() == pytest.approx([share, 1.0])
    assert made.instance_weights is not None
    torch.testing.assert_close(
        made.instance_weights, torch.tensor([[1 - share, share], [0.5, 0.5]])
    )


def test_pooled_tiles_of_a_bag_are_the_weighted_instances() -> None:
    maps = features(8, 3, ONE)[4]
    made = hand_mil(Quarters(), (0, 1, 2, 3))
    vectors = maps.mean((1, 2, 3)).double().reshape(4, 2)
    weights = (1.5 * vectors.tanh()).softmax(0)
    found = merged(made, maps)
    assert found.shape == (2, 1, 6, 6)
    torch.testing.assert_close(found.mean((1, 2, 3)).double(), (weights * vectors).sum(0))
    assert made.instance_weights is not None
    torch.testing.assert_close(made.instance_weights.sum(1), torch.ones(2))


@pytest.mark.parametrize("member", ["mean", "max", "attention"])
def test_tiles_become_a_mosaic(member: str) -> None:
    # Negative values: cells that a tile doesn't show must neither add to the sum nor win.
    maps = -features(8, 3, ONE)[4].abs() - 1
    tiles = maps.reshape(4, 2, 1, 3, 3)
    rows = [torch.cat([tiles[i], tiles[i + 1]], -1) for i in (0, 2)]
    found = merged(fusion(member, Quarters(), ["a"], stages=ONE, lively=True), maps)
    torch.testing.assert_close(found, torch.cat(rows, -2))


@pytest.mark.parametrize("member", SYMMETRIC)
def test_what_all_views_say_stays_at_any_angle(member: str) -> None:
    made = fusion(member, Turns([0, 30, 77]), ["a"], stages=ONE)
    found = merged(made, torch.full((6, 1, 9, 9), -2.0))
    torch.testing.assert_close(found, torch.full((2, 1, 9, 9), -2.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("member", MEMBERS)
def test_cells_that_no_view_shows_are_0_with_finite_gradients(member: str) -> None:
    maps = features(4, 9, ONE)[4].requires_grad_()
    made = fusion(member, Turns([45, 45]), ["a"], stages=ONE, lively=True)
    found = merged(made, maps)
    assert found[..., 0, 0].abs().max() == 0
    assert found[..., 4, 4].abs().min() > 0
    found.square().sum().backward()
    for tensor in (maps, *made.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


@pytest.mark.parametrize("member", SYMMETRIC)
def test_turning_the_image_turns_what_is_merged(member: str) -> None:
    torch.manual_seed(0)
    views, backbone = Turns(), PlainBackbone().eval()
    made = fusion(member, views, ["a"], stages=backbone.feature_stages, lively=True)
    classify = nn.Linear(8, 5)
    assert made.symmetric

    def seen(image: Tensor) -> tuple[Tensor, Tensor]:
        found = made({"a": backbone(views(image))})["a"]
        return found[2], classify(found[4].mean((-2, -1)))

    image = torch.randn(3, 3, 16, 16)
    dense, logits = seen(image)
    for quarters in (1, 2, 3):
        turned_dense, turned_logits = seen(image.rot90(quarters, (-2, -1)))
        torch.testing.assert_close(turned_logits, logits, atol=1e-5, rtol=0)
        torch.testing.assert_close(turned_dense, dense.rot90(quarters, (-2, -1)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("member", MEMBERS)
def test_order_of_streams(member: str) -> None:
    """Streams may come in any order and show a view twice."""
    maps, order = features(6, 4, ONE)[4].reshape(3, 2, 1, 4, 4), [2, 0, 1]
    streams = [0, 3, 3]
    straight = fusion(member, Turns(), ["a"], streams, ONE, lively=True)
    mixed = fusion(member, Turns(), ["a"], [streams[i] for i in order], ONE, lively=True)
    left = merged(straight, maps.flatten(0, 1))
    right = merged(mixed, maps[order].flatten(0, 1))
    if straight.symmetric:
        torch.testing.assert_close(left, right)
    elif member == "none":
        assert torch.equal(left.reshape(3, 2, 1, 4, 4)[order], right.reshape(3, 2, 1, 4, 4))
    else:
        assert torch.equal(left[:, order], right)


def test_none_turns_every_stream_back() -> None:
    maps = features(8, 4, ONE)[4]
    made = fusion("none", Turns(), ["a"], stages=ONE)
    back = [m.rot90(-i, (-2, -1)) for i, m in enumerate(maps.reshape(4, 2, 1, 4, 4))]
    assert made.streams == 4
    assert torch.equal(merged(made, maps), torch.cat(back))


def test_none_leaves_tiles_as_they_are() -> None:
    found = features(8, 4)
    made = fusion("none", Quarters(), ["a"])
    assert made({"a": found})["a"] is found


@pytest.mark.parametrize("member", MEMBERS)
def test_a_single_view_of_the_image_is_not_touched(member: str) -> None:
    found = features(2, 4)
    made = fusion(member, Single())
    result = made({"a": found, "b": found})
    assert result["a"] is found
    assert result["b"] is found
    assert list(made.parameters()) == []
    assert made.gauges() == {}
    assert made.instance_weights is None
    assert made.feature_stages == STAGES
    assert made.streams == 1


@pytest.mark.parametrize("member", MEMBERS)
def test_a_single_turned_view_is_turned_back(member: str) -> None:
    found = features(2, 4)
    result = fusion(member, Turns([90]))({"a": found})["a"]
    assert all(torch.equal(result[s], found[s].rot90(-1, (-2, -1))) for s in found)


@pytest.mark.parametrize("member", MEMBERS)
def test_features_have_the_described_channels_and_shared_ones_stay_one(member: str) -> None:
    made = fusion(member, Turns())
    shared, own = features(8, 4), features(8, 4, seed=1)
    result = made({"a": shared, "b": shared})
    assert result["a"] is result["b"]
    assert [(s.stride, s.channels) for s in made.feature_stages] == [
        (stride, maps.shape[1]) for stride, maps in result["a"].items()
    ]
    assert {len(maps) for maps in result["a"].values()} == {2 * made.streams}
    apart = made({"a": shared, "b": own})
    assert torch.equal(apart["a"][4], result["a"][4])
    assert not torch.equal(apart["b"][4], result["b"][4])


@pytest.mark.parametrize("member", ["attention", "mil_attention"])
def test_gauges_are_mean_weights_with_sum_1(member: str) -> None:
    made = fusion(member, Turns([0, 45, 90]), lively=True)
    made({"a": features(6, 4), "b": features(6, 4, seed=1)})
    gauges = made.gauges()
    assert list(gauges) == ["attention/0°", "attention/45°", "attention/90°"]
    assert sum(float(v) for v in gauges.values()) == pytest.approx(1)
    assert all(0 < float(v) < 1 and not v.requires_grad for v in gauges.values())


@pytest.fixture(scope="module", params=["turns", "quarters"])
def cfg(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    # Composing once is far quicker than once for each member.
    conf = write(tmp_path_factory.mktemp("conf"))
    found = load(["data=alternating", "backbone=plain", f"views={request.param}"], conf)
    OmegaConf.set_struct(found, False)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("member", members("fusion"))
def test_every_member_from_its_yaml(member: str, cfg: DictConfig) -> None:
    cfg = cfg.copy()
    cfg.fusion = node_of("fusion", member)
    if member == "none":
        cfg.ensemble = node_of("ensemble", "mean")
    network = build_network(cfg, build_data(cfg).targets)
    found = network(torch.randn(4, 3, 16, 16))
    assert {task: raw.shape[0] for task, raw in found.items()} == {
        "a": 4 * network.fusion.streams,
        "b": 4 * network.fusion.streams,
    }
    sum(raw.sum() for raw in found.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
