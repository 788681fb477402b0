"""Layers that round in training as int8 does in a file."""

import pytest
import torch
from torch import nn

from mtl.runs.compression.qat.fake import rounding


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def test_weights_lie_on_steps_of_their_channel() -> None:
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[6.4, 0.26], [0.064, 0.0126]])  # steps of 0.1 and 0.001
    holder = nn.Sequential(layer)
    with rounding(holder, ["0"], reduce_range=True):
        # Inputs of 0 and 1 are exact in any range from 0 to 1.
        found = holder(torch.eye(2)).T
    torch.testing.assert_close(found, torch.tensor([[6.4, 0.3], [0.064, 0.013]]))
    torch.testing.assert_close(holder(torch.eye(2)).T, layer.weight)


def test_activations_have_256_values() -> None:
    holder = nn.Sequential(nn.Linear(1, 1, bias=False))
    holder[0].weight.data.fill_(1.0)
    with rounding(holder, ["0"], reduce_range=False):
        holder(torch.tensor([[-1.0], [254.0]]))  # training: steps of 1 from here on
        holder.eval()
        found = holder(torch.tensor([[0.4], [0.6], [253.6], [300.0], [-7.0]]))
    torch.testing.assert_close(found.flatten(), torch.tensor([0.0, 1.0, 254.0, 254.0, -1.0]))


def test_parameters_and_their_names_stay() -> None:
    made = network()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with rounding(made, ["0", "3", "1", "elsewhere"], reduce_range=True) as found:
        assert found == ["0", "3"]
        assert list(made.state_dict()) == list(before)
        assert [name for name, _ in made.named_parameters()] == list(before)
        made(torch.randn(2, 3, 4, 4)).sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())
    assert [type(layer) for layer in made] == [nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear]
    assert {name: value.tolist() for name, value in made.state_dict().items()} == {
        name: value.tolist() for name, value in before.items()
    }


def test_layers_are_plain_again_after_an_error() -> None:
    made = network()
    with pytest.raises(KeyError), rounding(made, ["0"], reduce_range=True):
        raise KeyError
    assert type(made[0]) is nn.Conv2d
    assert not hasattr(made[0], "rounding")
