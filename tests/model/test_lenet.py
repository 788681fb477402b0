"""LeNet: one vector for a picture of 36 pixels, as a fully connected layer makes it."""

import pytest
import torch
import torch.nn.functional as F

from mtl.model.backbone.lenet import LeNet


@pytest.fixture(scope="module")
def net() -> LeNet:
    torch.manual_seed(0)
    return LeNet().eval()


def test_it_has_the_paper_s_layers(net: LeNet) -> None:
    """Two convolutions of 5 x 5 and 720 numbers to 50; three colours instead of one grey."""
    sizes = [tuple(p.shape) for name, p in net.named_parameters() if name.endswith("weight")]
    assert sizes == [(10, 3, 5, 5), (20, 10, 5, 5), (50, 20, 6, 6)]
    image = torch.rand(2, 3, 36, 36)
    layers = net.stages["lenet"]
    x = F.relu(F.max_pool2d(F.conv2d(image, layers.first.weight, layers.first.bias), 2))
    x = F.relu(F.max_pool2d(F.conv2d(x, layers.second.weight, layers.second.bias), 2))
    assert x.shape == (2, 20, 6, 6)
    wanted = F.relu(F.linear(x.flatten(1), layers.dense.weight.flatten(1), layers.dense.bias))
    torch.testing.assert_close(net(image)[36].flatten(1), wanted)


def test_each_square_of_a_larger_picture_becomes_a_vector(net: LeNet) -> None:
    image = torch.rand(1, 3, 40, 72)
    found = net(image)[36]
    assert found.shape == (1, 50, 2, 2)
    torch.testing.assert_close(found[..., 0, 1], net(image[..., :36, 36:])[36].flatten(1))
    below = F.pad(image[..., 36:, :36], (0, 0, 0, 32))
    torch.testing.assert_close(found[..., 1, 0], net(below)[36].flatten(1))
