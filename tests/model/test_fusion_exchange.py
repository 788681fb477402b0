"""Tasks that exchange features."""

import math
from pathlib import Path

import pytest
import torch
from fusion_kit import MEMBERS, Turns, features, fusion, write_fusion_conf
from torch import nn

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.learning.gradients.reach import reachable
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.fusion.exchange import AttentionExchange, ConcatExchange, make_exchange
from mtl.model.views.single import Single

ONE = (Stage("only", 1, 4),)
KINDS = ["concat", "attention"]


def cell(value: float) -> dict[int, torch.Tensor]:
    return {4: torch.full((1, 1, 1, 1), float(value))}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member", MEMBERS)
def test_at_first_every_task_has_its_own_features(member: str, kind: str) -> None:
    given = {"a": features(8, 4), "b": features(8, 4, seed=1)}
    plain = fusion(member, Turns())(given)
    made = fusion(member, Turns(), exchange=kind)
    found = made(given)
    assert all(torch.equal(found[t][s], plain[t][s]) for t in found for s in found[t])
    assert sum(p.numel() for p in made.exchange.parameters()) > 0


def test_concat_by_hand() -> None:
    made = ConcatExchange(ONE, ["a", "b"])
    weights = {"a": (0.5, 2.0), "b": (-1.0, 0.0)}
    for task, (from_a, from_b) in weights.items():
        nn.init.constant_(made.mixers[task]["4"]["a"].weight, from_a)
        nn.init.constant_(made.mixers[task]["4"]["b"].weight, from_b)
    found = made({"a": cell(3), "b": cell(10)})
    assert found["a"][4].item() == pytest.approx(3 + 0.5 * 3 + 2 * 10)
    assert found["b"][4].item() == pytest.approx(10 - 3)
    assert {name: float(value) for name, value in made.gauges().items()} == {
        "tasks/a/a": 0.5,
        "tasks/a/b": 2.0,
        "tasks/b/a": 1.0,
        "tasks/b/b": 0.0,
    }
    # Shared features are read once, by the task's own weights.
    shared = cell(3)
    found = made({"a": shared, "b": shared})
    assert found["a"][4].item() == pytest.approx(3 + 0.5 * 3)
    assert found["b"][4].item() == pytest.approx(3)


def test_attention_by_hand() -> None:
    made = AttentionExchange(ONE, ["a", "b"])
    for part, task, value in [
        ("query", "a", 1.0), ("query", "b", 0.0), ("key", "a", 1.0), ("key", "b", 2.0),
        ("value", "a", 1.0), ("value", "b", 3.0), ("out", "a", 1.0), ("out", "b", 0.5),
    ]:  # fmt: skip
        nn.init.constant_(getattr(made, part)[task]["4"].weight, value)
    shared = cell(1)
    found = made({"a": shared, "b": shared})
    # Task a asks with 1: scores 1 and 2 for values 1 and 3; task b asks with 0.
    share = 1 / (1 + math.exp(-1))
    assert found["a"][4].item() == pytest.approx(1 + (1 - share) + 3 * share)
    assert found["b"][4].item() == pytest.approx(1 + 0.5 * 2)
    gauges = made.gauges()
    assert gauges["tasks/a/b"].item() == pytest.approx(share)
    assert gauges["tasks/a/a"].item() == pytest.approx(1 - share)
    assert gauges["tasks/b/a"].item() == pytest.approx(0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_reach_is_where_gradients_are_not_zero(kind: str) -> None:
    made = fusion("mean", Turns(), ("a", "b", "c"), exchange=kind, lively=True)
    found = made({task: features(8, 4, seed=i) for i, task in enumerate("abc")})
    named = dict(made.named_parameters())
    for maps in found.values():
        loss = sum(m.square().mean() for m in maps.values())
        gradients = torch.autograd.grad(
            loss, list(made.parameters()), retain_graph=True, allow_unused=True
        )
        moved = {n for n, g in zip(named, gradients, strict=True) if g is not None and g.any()}
        reached = {name for name, p in named.items() if id(p) in reachable(maps)}
        # Where tasks have like features, queries make no difference yet.
        assert moved <= reached
        assert all("query" in name for name in reached - moved)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_already_moves_it(kind: str) -> None:
    made = fusion("none", Single(), exchange=kind)
    shared = features(2, 4)
    found = made({"a": shared, "b": shared})
    sum(m.square().sum() for maps in found.values() for m in maps.values()).backward()
    moved = {n for n, p in made.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name.split(".")[2] for name in moved} == {"a", "b"}


@pytest.mark.parametrize("kind", KINDS)
def test_one_task_has_nobody_to_exchange_with(kind: str) -> None:
    made = fusion("none", Single(), ["a"], exchange=kind)
    found = features(2, 4)
    assert made({"a": found})["a"] is found
    assert list(made.parameters()) == []


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"fusion\.exchange=sum: must be one of none, concat, att"):
        fusion("mean", Single(), exchange="sum")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_from_the_configuration(kind: str, tmp_path: Path) -> None:
    overrides = ["data=alternating", "backbone=plain", "views=turns", "fusion=concat"]
    cfg = load([*overrides, f"fusion.exchange={kind}"], write_fusion_conf(tmp_path))
    network = build_network(cfg, build_data(cfg).targets)
    network(torch.randn(2, 3, 16, 16))
    assert {"fusion/tasks/a/b", "fusion/tasks/b/a"} <= set(network.gauges())


@pytest.mark.parametrize("kind", KINDS)
def test_features_that_no_head_reads_have_no_parameters(kind: str) -> None:
    stages = [Stage("fine", 2, 4), Stage("middle", 2, 8), Stage("coarse", 2, 16)]
    made = make_exchange(kind, stages, ["a", "b"])
    each = sum(p.numel() for p in made.parameters()) // 3
    made.only({8, 16})
    assert sum(p.numel() for p in made.parameters()) == 2 * each
    maps = {8: torch.ones(1, 2, 2, 2), 16: torch.ones(1, 2, 1, 1)}
    assert set(made({"a": maps, "b": maps})["a"]) == {8, 16}
