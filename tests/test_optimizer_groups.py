"""Every parameter in one group, named by its stage."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from mtl.config.load import load
from mtl.data.sample import Target
from mtl.optimizer.groups import parameter_groups
from mtl.training.build import build_module, build_network
from mtl.training.module import MultiTaskModule
from mtl.weighting.base import Weighting

BASE = ["tasks=[classification]", "backbone.width=4", "lr=0.02", "image_size=32"]
TARGETS = {"label": Target("label", ("x", "y"))}
STAGES = ("stem", "stage1", "stage2", "stage3")


def module(*own: str) -> MultiTaskModule:
    cfg = load([*BASE, *own])
    return build_module(cfg, build_network(cfg, TARGETS))


def groups(made: MultiTaskModule) -> dict[str, dict[str, object]]:
    optimizer = made.make_optimizer(made.network, made.weighting)
    return {group["name"]: group for group in optimizer.param_groups}


def test_each_parameter_is_in_exactly_one_group() -> None:
    made = module()
    placed = [id(p) for group in groups(made).values() for p in group["params"]]
    assert sorted(placed) == sorted(id(p) for p in made.parameters())


def test_groups_are_named_by_stage_and_hold_its_parameters() -> None:
    made = module()
    found = groups(made)
    assert set(found) == {
        f"{name}{tail}"
        for name in (*(f"backbone.{stage}" for stage in STAGES), "heads")
        for tail in ("", ".vectors")
    }
    stages = made.network.encoder.backbone.stages
    for stage in STAGES:
        own = {id(p) for p in stages[stage].parameters()}
        there = {
            id(p) for tail in ("", ".vectors") for p in found[f"backbone.{stage}{tail}"]["params"]
        }
        assert there == own


def test_vectors_do_not_decay_unless_asked() -> None:
    for name, group in groups(module("optimizer.weight_decay=0.03")).items():
        vectors = name.endswith(".vectors")
        assert group["weight_decay"] == (0.0 if vectors else 0.03)
        assert all((p.ndim <= 1) == vectors for p in group["params"])
    all_decay = groups(module("optimizer.decay_vectors=true", "optimizer.weight_decay=0.03"))
    assert not any(name.endswith(".vectors") for name in all_decay)
    assert all(group["weight_decay"] == 0.03 for group in all_decay.values())


def test_backbone_learns_as_fast_from_scratch_and_slower_with_weights(tmp_path: Path) -> None:
    made = module()
    assert {group["lr"] for group in groups(made).values()} == {0.02}
    file = tmp_path / "weights.pt"
    torch.save(made.network.encoder.backbone.state_dict(), file)
    for own, rate in (
        ([], 0.002),
        (["optimizer.backbone_factor=0.5"], 0.01),
        (["optimizer.backbone_factor=0"], 0.0),
    ):
        for name, group in groups(module(f"backbone.weights={file}", *own)).items():
            expected = rate if name.startswith("backbone.") else 0.02
            assert group["lr"] == pytest.approx(expected), name


def test_decay_shrinks_matrices_only() -> None:
    """One step of AdamW without gradient signal: weights times 1 - lr * decay."""
    made = module("optimizer.weight_decay=0.5", "lr=0.1")
    optimizer = made.make_optimizer(made.network, made.weighting)
    before = {n: p.detach().clone() for n, p in made.named_parameters()}
    for parameter in made.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in made.named_parameters():
        factor = 0.95 if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * factor)


def test_learned_weights_of_tasks_have_a_group_of_their_own() -> None:
    class Learned(Weighting):
        def __init__(self) -> None:
            super().__init__(["classification"])
            self.scale = nn.Parameter(torch.zeros(1))

        def forward(self, losses: dict[str, Tensor]) -> Tensor:
            return torch.stack(tuple(losses.values())).sum() * self.scale.exp()

    found = parameter_groups(module().network, Learned(), 0.1, 1.0, 0.5, decay_vectors=True)
    (group,) = (g for g in found if g["name"].startswith("weighting"))
    assert (group["lr"], group["weight_decay"], len(group["params"])) == (0.1, 0.0, 1)


@pytest.mark.parametrize(
    ("own", "kind", "fused"),
    [
        ((), AdamW, True),
        (("trainer.precision=bf16-mixed",), AdamW, False),
        (("trainer.precision=bf16-mixed", "trainer.gradient_clip_val=null"), AdamW, True),
        (("optimizer=sgd",), SGD, False),
    ],
)
def test_fused_steps_are_left_off_where_mixed_precision_clips(
    own: tuple[str, ...], kind: type, fused: bool
) -> None:
    made = module(*own)
    optimizer = made.make_optimizer(made.network, made.weighting)
    assert type(optimizer) is kind
    assert {group["fused"] for group in optimizer.param_groups} == {fused}
