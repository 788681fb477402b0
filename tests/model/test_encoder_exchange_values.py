"""What comes out of encoders in which tasks exchange what they know."""

from typing import Any

import pytest
import torch
from exchange_kit import TASKS, backbones, image, make, small
from torch import nn

from mtl.model.encoder.base import Encoder
from mtl.model.encoder.cgc import CGC
from mtl.model.encoder.mmoe import MMoE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cross_stitch", {}),
        ("cross_stitch", {"per_channel": False}),
        ("mmoe", {"experts": 1}),
        ("mmoe", {"experts": 1, "at": "second"}),
    ],
)
def test_one_task_or_one_expert_is_the_plain_backbone(name: str, options: dict[str, Any]) -> None:
    encoder = make(name, tasks=["a"], **options)
    plain = make_plain(encoder)
    for stride, found in encoder(image())["a"].items():
        assert torch.equal(found, plain[stride])


def make_plain(encoder: Encoder) -> dict[int, torch.Tensor]:
    """What the stages that the encoder's backbones have say, one after the other."""
    x, features = image(), {}
    for backbone in backbones(encoder):
        for stage in backbone.description:
            x = backbone.run(stage.name, x)
            features[stage.stride] = x
    return features


def test_identity_stitches_are_independent_networks() -> None:
    encoder = make("cross_stitch", own=1.0)
    for backbone, features in zip(backbones(encoder), encoder(image()).values(), strict=True):
        for stride, wanted in backbone(image()).items():
            assert torch.equal(features[stride], wanted)


def test_no_stitches_are_independent_networks() -> None:
    encoder = make("cross_stitch", stages=[])
    assert encoder.gauges() == {}
    for backbone, features in zip(backbones(encoder), encoder(image()).values(), strict=True):
        assert all(torch.equal(features[s], f) for s, f in backbone(image()).items())


@pytest.mark.parametrize("name", ["cross_stitch", "nddr"])
def test_first_mixture_is_nine_to_one(name: str) -> None:
    """0.9 of the own map and 0.05 of each other task's; NDDR then scales to variance 1."""
    encoder = make(name, stages=["first"]).eval()
    firsts = [b.run("first", image()) for b in backbones(encoder)]
    scale = (1 + 1e-5) ** -0.5 if name == "nddr" else 1
    for own, task in enumerate(TASKS):
        wanted = sum(scale * (0.9 if i == own else 0.05) * f for i, f in enumerate(firsts))
        found = encoder(image())[task]
        torch.testing.assert_close(found[2], wanted, rtol=0, atol=1e-7)
        torch.testing.assert_close(found[4], backbones(encoder)[own].run("second", found[2]))
    assert float(encoder.gauges()["own/first"].detach()) == pytest.approx(0.9)


def test_channels_are_stitched_by_themselves() -> None:
    whole, maps = make("cross_stitch"), make("cross_stitch", per_channel=False)
    sizes = {n: p.numel() for n, p in whole.named_parameters() if n.startswith("mixing")}
    assert sizes["mixing.first.a.weights.b"] == 6
    assert sizes["mixing.second.a.weights.b"] == 8
    assert {p.numel() for n, p in maps.named_parameters() if n.startswith("mixing")} == {1}
    weight = dict(whole.named_parameters())["mixing.second.a.weights.b"]
    before = whole(image())
    with torch.no_grad():
        weight[3] = 0.55
    after = whole(image())
    changed = (after["a"][4] - before["a"][4]).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [i == 3 for i in range(8)]
    assert all(torch.equal(after[t][s], before[t][s]) for t in ("b", "c") for s in (2, 4))


def test_weight_decay_spares_stitches() -> None:
    stitches = [p for n, p in make("cross_stitch").named_parameters() if "mixing" in n]
    assert {p.ndim for p in stitches} == {1}


def test_one_task_alone_is_normalised_by_nddr() -> None:
    encoder = make("nddr", tasks=["a"], stages=["second"]).eval()
    plain = backbones(encoder)[0](image())
    found = encoder(image())["a"]
    assert torch.equal(found[2], plain[2])
    torch.testing.assert_close(found[4], plain[4] * (1 + 1e-5) ** -0.5)


def test_masks_of_one_are_the_plain_backbone() -> None:
    encoder = make("mtan")
    set_last_norm(encoder, 1e3)
    for features in encoder(image()).values():
        for stride, wanted in backbones(encoder)[0](image()).items():
            assert torch.equal(features[stride], wanted)
    assert {k: float(v) for k, v in encoder.gauges().items()} == {
        "mask/a": 1.0,
        "mask/b": 1.0,
        "mask/c": 1.0,
    }


def test_masks_lie_between_nothing_and_all() -> None:
    encoder = make("mtan", small)
    shared = backbones(encoder)[0](image(2, 32))
    for features in encoder(image(2, 32)).values():
        for stride, found in features.items():
            assert (found.abs() <= shared[stride].abs()).all()
            assert (found * shared[stride] >= 0).all()
    set_last_norm(encoder, 0.0)
    for features in encoder(image(2, 32)).values():
        torch.testing.assert_close(features[16], shared[16] / 2)


def set_last_norm(encoder: Encoder, bias: float) -> None:
    """Make every mask sigmoid(bias)."""
    for masks in encoder.get_submodule("attention").children():
        for mask in masks.children():
            norm = [m for m in mask.modules() if isinstance(m, nn.BatchNorm2d)][-1]
            nn.init.zeros_(norm.weight)
            nn.init.constant_(norm.bias, bias)


def test_a_task_hands_its_map_to_its_next_attention() -> None:
    """Another first mask of task a changes a's second map, and no other task's."""
    encoder = make("mtan").eval()
    before = encoder(image())
    masks: Any = encoder.get_submodule("attention.first.a")
    nn.init.constant_(masks[-2].bias, 1.0)
    after = encoder(image())
    assert not torch.allclose(after["a"][4], before["a"][4])
    for task in ("b", "c"):
        assert all(torch.equal(after[task][s], f) for s, f in before[task].items())


def test_gates_sum_to_one_and_follow_the_image() -> None:
    encoder = make("mmoe", small, experts=4, at="stage2")
    assert isinstance(encoder, MMoE)
    weights = encoder.weights("b", torch.randn(5, 8, dtype=torch.float64))
    assert weights.shape == (5, 2, 4)  # two strides are left to the experts
    torch.testing.assert_close(weights.sum(-1), torch.ones(5, 2, dtype=torch.float64))
    assert (weights[0] - weights[1]).abs().max() > 1e-3


def test_features_are_the_gated_sum() -> None:
    encoder = make("mmoe", at="second")
    assert isinstance(encoder, MMoE)
    assert encoder.stem is not None
    first = encoder.stem(image())[2]
    said = [expert(first)[4] for expert in encoder.experts]
    for task in TASKS:
        weights = encoder.weights(task, first.mean((2, 3)))[:, 0]
        wanted = sum(weights[:, i, None, None, None] * f for i, f in enumerate(said))
        found = encoder(image())[task]
        torch.testing.assert_close(found[2], first)
        torch.testing.assert_close(found[4], wanted)
        for i in range(3):
            torch.testing.assert_close(
                encoder.gauges()[f"gate/{task}/{i}"], weights[:, i].mean().detach()
            )


def test_a_gate_that_is_sure_picks_one_expert() -> None:
    encoder = make("mmoe", experts=2)
    for gate in encoder.get_submodule("gates").children():
        nn.init.zeros_(gate.weight)
        gate.bias.data = torch.tensor([0.0, 900.0, 900.0, 0.0]).double()  # by stride, then expert
    one, two = (b(image()) for b in backbones(encoder))
    for features in encoder(image()).values():
        assert torch.equal(features[2], two[2])
        assert torch.equal(features[4], one[4])


def test_experts_of_a_task_are_its_own() -> None:
    encoder = make("cgc", tasks=["shared", "b"], shared_experts=2)
    assert isinstance(encoder, CGC)
    assert encoder.names == ("shared0", "shared1", "shared_0", "b_0")
    assert encoder.pool("shared") == [0, 1, 2]
    assert encoder.pool("b") == [0, 1, 3]
    encoder(image())
    gauges = encoder.gauges()
    assert set(gauges) == {f"gate/shared/{n}" for n in ("shared0", "shared1", "shared_0")} | {
        f"gate/b/{n}" for n in ("shared0", "shared1", "b_0")
    }
    for task in ("shared", "b"):
        total = sum(v for n, v in gauges.items() if n.startswith(f"gate/{task}/"))
        assert float(total) == pytest.approx(1)


@pytest.mark.parametrize("name", ["mmoe", "cgc"])
def test_experts_share_the_stem(name: str) -> None:
    encoder = make(name, small, at="stage3")
    stem, *experts = backbones(encoder)
    assert list(stem.stages) == ["stem", "stage1", "stage2"]
    assert all(list(expert.stages) == ["stage3"] for expert in experts)
    assert len(experts) == (3 if name == "mmoe" else 4)
    assert [s.name for s in encoder.description] == ["stem", "stage1", "stage2", "stage3"]
    features = encoder(image(2, 32))
    assert all(features["a"][s] is features["c"][s] for s in (2, 4, 8))
