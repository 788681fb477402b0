"""Every parameter in one group, named by its stage."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from mtl.config.load import load
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.optimizer.groups import parameter_groups
from mtl.learning.optimizer.stages import stage_parameters
from mtl.learning.weighting.bases.base import Weighting
from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.build import build_network
from mtl.model.encoder.base import Encoder

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


@pytest.mark.slow
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


@pytest.mark.slow
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
        (("trainer.precision=bf16-mixed",), AdamW, None),
        (("trainer.precision=bf16-mixed", "trainer.gradient_clip_val=null"), AdamW, True),
        (("optimizer=sgd",), SGD, None),
        (("optimizer=sgd", "trainer.precision=bf16-mixed"), SGD, None),
    ],
)
def test_fused_steps_are_left_off_where_mixed_precision_clips(
    own: tuple[str, ...], kind: type, fused: bool | None
) -> None:
    """And never by ``False``, which would leave nothing but a loop over single tensors."""
    made = module(*own)
    optimizer = made.make_optimizer(made.network, made.weighting)
    assert type(optimizer) is kind
    assert {group["fused"] for group in optimizer.param_groups} == {fused}
    assert all(group["foreach"] is not False for group in optimizer.param_groups)


def rates(*own: str) -> dict[str, float]:
    """Of each named part, which its two groups share."""
    found = groups(module("lr=1", *own))
    for name, group in found.items():
        assert group["lr"] == found[name.removesuffix(".vectors")]["lr"]
    return {name: group["lr"] for name, group in found.items() if not name.endswith(".vectors")}


def test_stages_have_rates_of_their_own() -> None:
    """Decay 0.5 from the last stage on, times the stage's factor, times the backbone's."""
    assert rates("optimizer.stage_decay=0.5") == {
        "backbone.stem": 0.125,
        "backbone.stage1": 0.25,
        "backbone.stage2": 0.5,
        "backbone.stage3": 1.0,
        "heads": 1.0,
    }
    own = ("optimizer.stage_factors={stem: 0, stage1: 8}", "optimizer.backbone_factor=0.5")
    assert rates("optimizer.stage_decay=0.5", *own) == {
        "backbone.stem": 0.0,
        "backbone.stage1": 1.0,
        "backbone.stage2": 0.25,
        "backbone.stage3": 0.5,
        "heads": 1.0,
    }


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ("{layer1: 1}", "layer1: no such stage; allowed: stem, stage1, stage2, stage3"),
        ("{stem: -1}", "stem=-1: must be a number, at least 0"),
        ("{stem: fast}", "stem=fast: must be a number, at least 0"),
        ("[1, 2]", "=[1,2]: must be factors by stage, such as {layer1:0.1}"),
    ],
)
def test_factors_that_make_no_sense(factors: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        module(f"optimizer.stage_factors={factors}")


class TwoBackbones(Encoder):
    """Of three and of two stages, with one in common, and a gate."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.gate = nn.Parameter(torch.ones(2))
        for name, stages in (("left", ("a", "b", "d")), ("right", ("a", "c"))):
            modules = {stage: nn.Linear(1, 1, bias=False) for stage in stages}
            description = tuple(Stage(stage, 1, 1) for stage in stages)
            setattr(self, name, Backbone(modules, description))
        self.right.stages["a"] = self.left.stages["a"]

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        return ()

    def stage_of(self, parameter: str) -> str:
        return "encoder" if parameter == "gate" else parameter.split(".")[2]

    def forward(self, image: Tensor) -> dict[str, Features]:
        return {}


def test_stages_of_unlike_backbones_lie_by_their_depth() -> None:
    """a at 0, b in the middle, c and d at the end; a tied stage's parameters are there once."""
    encoder = TwoBackbones()
    found = stage_parameters(encoder)
    assert list(found) == ["a", "b", "d", "c"]
    assert [len(parameters) for parameters in found.values()] == [1, 1, 1, 1]
    made = module()
    made.network.encoder = encoder
    rates = {"a": 0.5}
    by_name = {
        g["name"]: g["lr"]
        for g in parameter_groups(made.network, made.weighting, 1.0, 0.1, 0.0, False, rates)
    }
    assert by_name["backbone.a"] == 0.05
    assert by_name["backbone.c"] == 0.1
    assert by_name["encoder.vectors"] == 1.0, "a gate learns as fast as the heads"
