"""``encoder=branches``: dealing of views, tied stages, different backbones."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from branch_kit import Plain, Turned, images, small, transformer
from torch import nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.resnet import ResNet
from mtl.model.encoder.branches import Branches
from mtl.model.encoder.shared import Shared


def branches(views: int = 1, **options: Any) -> Branches:
    torch.manual_seed(0)
    return Branches(small, ["t"], Turned([0] * views), **options)


class Factors:
    """Backbones that multiply the sum over the channels' 4x4 patches by 1, 10, 100, ..."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, settings: Mapping[str, Any] | None = None) -> Backbone:
        self.made += 1
        return Plain(a=10.0 ** (self.made - 1))


def ramp(views: int, batch: int) -> torch.Tensor:
    """View v of sample i is v + i/10 everywhere."""
    value = torch.arange(views)[:, None] + torch.arange(batch) / 10
    return value.flatten()[:, None, None, None].expand(-1, 3, 8, 8)


def test_views_are_dealt_in_turn_and_come_back_in_order() -> None:
    encoder = Branches(Factors(), ["t"], Turned([0, 90, 180, 270]), count=2)
    assert encoder.streams == (0, 1, 2, 3)
    assert not encoder.symmetric
    out = encoder(ramp(4, 2))["t"][2].mean((1, 2, 3))
    # 12 numbers under each kernel of ones.
    wanted = 12 * torch.tensor([0, 0.1, 10, 11, 2, 2.1, 30, 31])
    torch.testing.assert_close(out, wanted)


def test_one_view_goes_through_every_branch() -> None:
    encoder = Branches(Factors(), ["t"], Turned([0]), count=3)
    assert encoder.streams == (0, 0, 0)
    out = encoder(ramp(1, 2) + 1)["t"][4].mean((1, 2, 3))
    torch.testing.assert_close(out, 48 * torch.tensor([1, 1.1, 10, 11, 100, 110]))


def test_branches_start_differently_and_tied_stages_are_one() -> None:
    encoder = branches(2, tied_stages=["stage2", "stage1"])
    first, second = (dict(b.named_parameters()) for b in encoder.branches)
    for name in first:
        tied = name.split(".")[1] in ("stage1", "stage2")
        assert (first[name] is second[name]) == tied
        if not tied and first[name].ndim > 1:
            assert not torch.equal(first[name], second[name])
    own = sum(p.numel() for p in small().parameters())
    shared = sum(p.numel() for n, p in small().named_parameters() if "stage1" in n or "stage2" in n)
    assert sum(p.numel() for p in encoder.parameters()) == 2 * own - shared
    assert len(list(encoder.parameters())) == len({id(p) for p in encoder.parameters()})


@pytest.mark.parametrize("views", [1, 4])
def test_all_tied_is_the_shared_encoder(views: int) -> None:
    encoder = branches(views, tied_stages=["stem", "stage1", "stage2", "stage3"])
    assert encoder.symmetric
    shared = Shared(small, ["t"], Turned([0] * views))
    shared.backbone.load_state_dict(encoder.branches[0].state_dict())
    image = images(2 * views)
    wanted = shared(image)["t"]
    for stride, found in encoder(image)["t"].items():
        repeated = wanted[stride].repeat(2 if views == 1 else 1, 1, 1, 1)
        torch.testing.assert_close(found, repeated)
    torch.testing.assert_close(
        encoder.branches[1].state_dict(), shared.backbone.state_dict(), rtol=0, atol=1e-6
    )


def test_tied_stage_gets_the_gradient_of_both_branches() -> None:
    encoder = branches(2, tied_stages=["stage1"]).eval()
    image = images(4)
    weight = encoder.branches[1].stages["stage1"][0].conv1.weight
    (whole,) = torch.autograd.grad(encoder(image)["t"][16].sum(), weight)
    parts = [
        torch.autograd.grad(b(v)[16].sum(), weight)[0]
        for b, v in zip(encoder.branches, image.chunk(2), strict=True)
    ]
    torch.testing.assert_close(whole, parts[0] + parts[1], rtol=1e-4, atol=1e-4)
    assert all(bool(p.abs().sum() > 0) for p in parts)


def test_tied_statistics_are_those_of_all_views() -> None:
    """What a tied normalisation learns in training is what it subtracts then."""
    encoder = branches(2, tied_stages=["stem"])
    norm = encoder.branches[0].stages["stem"][1]
    norm.momentum = 1.0
    image = images(4) + torch.arange(4)[:, None, None, None]
    encoder(image)
    seen = encoder.branches[0].stages["stem"][0](image)
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)))
    assert int(norm.num_batches_tracked) == 1


@pytest.mark.slow
def test_ties_survive_steps_copies_and_loading(tmp_path: Path) -> None:
    encoder = branches(2, tied_stages=["stage1", "stage2"]).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=0.1)
    encoder(images(4))["t"][16].square().sum().backward()
    optimizer.step()
    average = torch.optim.swa_utils.AveragedModel(encoder, use_buffers=True)
    average.update_parameters(encoder)
    torch.save(encoder.state_dict(), tmp_path / "state.pt")
    loaded = branches(2, tied_stages=["stage1", "stage2"])
    loaded.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for each in (encoder, copy.deepcopy(encoder), average.module, loaded):
        one, two = each.branches
        for stage in ("stage1", "stage2"):
            assert one.stages[stage] is two.stages[stage]
        assert one.stages["stage3"] is not two.stages["stage3"]
    image = images(4)
    wanted = encoder.eval()(image)["t"][16]
    for each in (loaded, average.module):
        torch.testing.assert_close(each.eval()(image)["t"][16], wanted)
    # Saved once, although the state names it in each branch.
    numbers = sum(p.numel() for p in encoder.parameters())
    assert (tmp_path / "state.pt").stat().st_size < 4 * numbers * 1.2 + 60_000


def test_branches_of_different_kinds_are_adapted_to_the_first() -> None:
    encoder = branches(1, backbones=[{"width": 6, "stem_stride": 1}, {"stem_stride": 1}])
    assert [s.channels for s in encoder.feature_stages] == [6, 12, 24, 48]
    kinds = [dict(a) for a in encoder.adapters]
    assert kinds[0] == {}
    assert {k: (c.in_channels, c.out_channels) for k, c in kinds[1].items()} == {
        "1": (4, 6), "2": (8, 12), "4": (16, 24), "8": (32, 48)
    }  # fmt: skip
    assert encoder.stage_of("adapters.1.4.weight") == "encoder"
    image = images(2)
    encoder.eval()
    own = encoder.branches[1](image)[4]
    torch.testing.assert_close(encoder(image)["t"][4][2:], kinds[1]["4"](own))


def test_stages_that_the_first_does_not_have_go_by_stride() -> None:
    def make(settings: Mapping[str, Any] | None = None) -> Backbone:
        assert settings is not None
        return ResNet("resnet18", "cifar") if settings["resnet"] else small({"stem_stride": 1})

    encoder = Branches(make, ["t"], Turned([0]), backbones=[{"resnet": True}, {"resnet": False}])
    found = {n.split(".")[3]: encoder.stage_of(n) for n, _ in encoder.branches.named_parameters(
        "branches") if n.startswith("branches.1")}  # fmt: skip
    assert found == {"stem": "stem", "stage1": "layer2", "stage2": "layer3", "stage3": "layer4"}
    assert encoder(images(1))["t"][8].shape == (2, 512, 4, 4)


def test_one_stage_of_a_transformer() -> None:
    encoder = Branches(transformer, ["t"], Turned([0, 90]), tied_stages=["body"])
    assert encoder.symmetric
    assert encoder(images(2))["t"][16].shape == (2, 16, 2, 2)


@pytest.mark.parametrize(
    ("views", "options", "said"),
    [
        (1, {"count": 1}, "encoder.count=1: must be at least 2; encoder=shared is one network"),
        (3, {}, "encoder.count=2: 3 views can't be dealt evenly among 2 branches; choose "),
        (2, {"count": 4}, "encoder.count=4: 2 views can't be dealt evenly"),
        (1, {"backbones": [{}, {}, {}]}, "names 3 for the 2 of encoder.count: write"),
        (1, {"backbones": [{}]}, "encoder.backbones names 1 for the 2 of encoder.count: name 2"),
        (
            1,
            {"tied_stages": ["stag2"]},
            "encoder.tied_stages: no stage 'stag2'; did you mean 'stage2'; allowed: stem, stage1, ",
        ),
        (
            1,
            {"tied_stages": ["stage1"], "backbones": [{"width": 4}, {"width": 6}]},
            "encoder.tied_stages: the branches' stages 'stage1' have different shapes; allowed: ",
        ),
        (
            1,
            {"backbones": [{}, {"stem_stride": 1}]},
            "encoder.backbones: features at strides 1, 2, 4, 8 in number 2, at 2, 4, 8, 16 in the",
        ),
    ],
)  # fmt: skip
def test_refused(views: int, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        branches(views, **options)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_stage_that_only_one_branch_has() -> None:
    class Other(Backbone):
        def __init__(self) -> None:
            plain = Plain()
            stages = {"a": plain.stages["a"], "c": nn.Conv2d(1, 1, 2, 2)}
            super().__init__(stages, (plain.description[0], type(plain.description[0])("c", 1, 4)))

    kinds = iter([Plain(), Other()])
    with pytest.raises(UserError, match=r"not every branch has a stage 'b'; allowed: a$"):
        Branches(lambda settings=None: next(kinds), ["t"], Turned([0]), tied_stages=["b"])
