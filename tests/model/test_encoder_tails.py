"""``encoder=per_task`` and ``encoder=multi_branch``."""

from functools import partial
from typing import Any

import pytest
import torch
from branch_kit import Turned, images, small, transformer

from mtl.errors import UserError
from mtl.model.backbone.resnet import ResNet
from mtl.model.encoder.multi_branch import MultiBranch
from mtl.model.encoder.per_task import PerTask

TASKS = ["a", "b"]


def per_task(angles: list[float], **options: Any) -> PerTask:
    torch.manual_seed(0)
    return PerTask(small, TASKS, Turned(angles), **options).eval()


def multi_branch(**options: Any) -> MultiBranch:
    torch.manual_seed(0)
    return MultiBranch(small, TASKS, Turned([0]), **options).eval()


def test_each_task_has_a_network_of_its_own() -> None:
    encoder = per_task([0])
    image = images(2)
    found = encoder(image)
    for task in TASKS:
        torch.testing.assert_close(found[task], encoder.backbones[task][0](image), rtol=0, atol=0)
    assert not torch.equal(found["a"][16], found["b"][16])
    found["a"][16].sum().backward()
    assert all(p.grad is None for p in encoder.backbones["b"].parameters())
    assert any(p.grad is not None for p in encoder.backbones["a"].parameters())


def test_streams_are_the_views_of_each_network_in_turn() -> None:
    encoder = per_task([0, 90], networks=3)
    assert encoder.streams == (0, 1, 0, 1, 0, 1)
    image = images(4)
    found = encoder(image)["b"][8]
    nets = list(encoder.backbones["b"])
    torch.testing.assert_close(found, torch.cat([net(image)[8] for net in nets]))
    assert encoder.stage_of("backbones.b.2.stages.stage1.0.conv1.weight") == "stage1"


def test_networks_start_at_one() -> None:
    with pytest.raises(UserError, match=r"^encoder.networks=0: must be at least 1$"):
        per_task([0], networks=0)


@pytest.mark.parametrize(("at", "own"), [(None, {16}), ("stage3", {16}), ("stage1", {4, 8, 16})])
def test_features_before_the_tails_are_the_same_tensors(at: str | None, own: set[int]) -> None:
    found = multi_branch(at=at)(images(2))
    assert list(found["a"]) == [2, 4, 8, 16]
    for stride in found["a"]:
        assert (found["a"][stride] is found["b"][stride]) == (stride not in own)


def test_trunk_and_tail_are_the_whole_network() -> None:
    encoder = multi_branch(at="stage2")
    whole = small().eval()
    parts = {**encoder.trunk.stages, **encoder.tails["b"].stages}
    for name, stage in parts.items():
        whole.stages[name].load_state_dict(stage.state_dict())
    image = images(2)
    torch.testing.assert_close(encoder(image)["b"], whole(image), rtol=0, atol=0)
    assert encoder.description == whole.description
    assert encoder.feature_stages == whole.feature_stages
    sizes = {n: sum(p.numel() for p in s.parameters()) for n, s in whole.stages.items()}
    wanted = sizes["stem"] + sizes["stage1"] + 2 * (sizes["stage2"] + sizes["stage3"])
    assert sum(p.numel() for p in encoder.parameters()) == wanted


@pytest.mark.slow
def test_one_stride_over_the_cut() -> None:
    """A stage of the trunk with the stride of a tail's stage gives way to it."""
    make = partial(ResNet, "resnet18", "cifar")
    encoder = MultiBranch(make, TASKS, Turned([0]), at="layer1").eval()
    image = images(1, 16)
    found = encoder(image)
    stem = encoder.trunk(image)[1]
    torch.testing.assert_close(found["b"][1], encoder.tails["b"].run("layer1", stem))
    assert list(found["a"]) == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("stage9", "encoder.at=stage9: no such stage; did you mean stage3? allowed: stage1, "),
        ("xy", "encoder.at=xy: no such stage; allowed: stage1, stage2, stage3"),
        ("stem", "encoder.at=stem: nothing would be shared; allowed: stage1, stage2, stage3, or "),
    ],
)
def test_stages_that_can_not_begin_a_tail(at: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        multi_branch(at=at)
    assert str(error.value).startswith(said)


def test_backbones_of_one_stage() -> None:
    """Per task is fine, dividing is not."""

    assert PerTask(transformer, TASKS, Turned([0]))(images(1))["a"][16].shape == (1, 16, 2, 2)
    with pytest.raises(UserError, match=r"this backbone is one stage \(body\), which can't be"):
        MultiBranch(transformer, TASKS, Turned([0]))
