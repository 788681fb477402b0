"""A norm whose channels have one value each uses its running statistics."""

import pytest
import torch
from torch import nn

from mtl.model.backbone.checkpointing import checkpointed
from mtl.model.single_values import allow_single_values


def norm(dimensions: int = 2) -> nn.Module:
    made = (nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm1d)(2, eps=1e-12)
    with torch.no_grad():
        made.running_mean.copy_(torch.tensor([1.0, -1.0]))
        made.running_var.copy_(torch.tensor([4.0, 0.25]))
    allow_single_values(made)
    return made.train()


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (1, 2)])
def test_one_value_is_measured_against_the_running_statistics(shape: tuple[int, ...]) -> None:
    made = norm(len(shape) - 2)
    x = torch.tensor([5.0, -2.0]).view(shape).requires_grad_()
    out = made(x)
    assert out.flatten().tolist() == [2.0, -2.0]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0.5, 2.0]
    assert made.training
    assert (made.running_mean.tolist(), made.running_var.tolist()) == ([1.0, -1.0], [4.0, 0.25])
    assert made.num_batches_tracked == 0


def group_norm(groups: int) -> nn.GroupNorm:
    made = nn.GroupNorm(groups, 2)
    nn.init.constant_(made.weight, 3.0)
    with torch.no_grad():
        made.bias.copy_(torch.tensor([0.5, -1.0]))
    allow_single_values(made)
    return made


@pytest.mark.parametrize("training", [True, False])
def test_a_group_of_one_value_is_its_bias(training: bool) -> None:
    """As in a larger batch, where each sample has groups of its own."""
    made = group_norm(2).train(training)
    x = torch.tensor([5.0, -2.0]).view(1, 2, 1, 1).requires_grad_()
    out = made(x)
    assert out.shape == x.shape
    assert out.flatten().tolist() == pytest.approx([0.5, -1.0], abs=1e-3)
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == pytest.approx([0, 0], abs=1e-3)
    assert made.bias.grad is not None
    assert made.bias.grad.tolist() == [1.0, 1.0]
    assert torch.equal(made(torch.cat((x, x)))[:1], out)


def test_a_group_of_more_values_is_left_alone() -> None:
    x = torch.randn(1, 2, 1, 1)
    assert torch.equal(
        group_norm(1)(x),
        nn.functional.group_norm(x, 1, torch.full((2,), 3.0), torch.tensor([0.5, -1.0])),
    )
    wide = torch.randn(1, 2, 1, 2)
    assert torch.equal(
        group_norm(2)(wide),
        nn.functional.group_norm(wide, 2, torch.full((2,), 3.0), torch.tensor([0.5, -1.0])),
    )


def test_more_values_make_statistics_of_their_own() -> None:
    made, plain = norm(), nn.BatchNorm2d(2, eps=1e-12)
    plain.load_state_dict(made.state_dict())
    for x in (torch.randn(2, 2, 1, 1), torch.randn(1, 2, 2, 1)):
        assert torch.equal(made(x), plain(x))
    assert torch.equal(made.running_mean, plain.running_mean)
    assert made.num_batches_tracked == 2


def test_eval_mode_stays_eval_mode() -> None:
    made = norm().eval()
    made(torch.ones(1, 2, 1, 1))
    assert not made.training


def test_activations_that_are_computed_again() -> None:
    made = nn.Sequential(nn.Conv2d(2, 2, 1), norm())
    x = torch.ones(1, 2, 1, 1, requires_grad=True)
    (wanted,) = torch.autograd.grad(made(x).square().sum(), x)
    (found,) = torch.autograd.grad(checkpointed(made, x).square().sum(), x)
    assert torch.equal(found, wanted)
