"""SegNet beside torch's own pooling and unpooling, and torchvision's names."""

from typing import Any

import pytest
import torch
import torchvision
from torch.nn import functional as F

from mtl.model.backbone.base import Stage
from mtl.model.backbone.segnet import SegNet, pooled, unpooled
from mtl.model.backbone.weights import original_names


def test_values_go_back_to_where_they_were() -> None:
    x = torch.randn(2, 3, 6, 4)
    wanted, places = F.max_pool2d(x, 2, return_indices=True)
    found, mask = pooled(x)
    assert torch.equal(found, wanted)
    assert torch.equal(unpooled(found, mask), F.max_unpool2d(wanted, places, 2))


def test_equal_values_go_to_one_pixel() -> None:
    found, mask = pooled(torch.zeros(1, 1, 2, 2))
    assert mask.flatten().tolist() == [1, 0, 0, 0]
    assert unpooled(found + 3, mask).flatten().tolist() == [3, 0, 0, 0]


@pytest.mark.slow
def test_segnet_is_its_layers_with_unpooling() -> None:
    backbone = SegNet().eval()
    net: Any = backbone.stages["segnet"]
    image = torch.randn(1, 3, 33, 64)
    with torch.no_grad():
        found = backbone(image)
        x, taken = F.pad(image, (0, 0, 0, 31)), []
        for block in net.encoder:
            x, places = F.max_pool2d(block(x), 2, return_indices=True)
            taken.append(places)
        assert x.shape == (1, 512, 2, 2)
        for block, places in zip(net.decoder, reversed(taken), strict=True):
            x = block(F.max_unpool2d(x, places, 2))
    assert backbone.feature_stages == (Stage("segnet", 64, 1),)
    torch.testing.assert_close(found, {1: x[:, :, :33]})
    channels = [(block[0].in_channels, block[0].out_channels) for block in net.decoder]
    assert channels == [(512, 512), (512, 256), (256, 128), (128, 64), (64, 64)]
    with torch.device("meta"):
        vgg = torchvision.models.vgg16_bn().state_dict()
    names = original_names(backbone, net.as_vgg())
    assert {name for name in vgg if name.startswith("features.")} == set(names)
    state = backbone.state_dict()
    assert all(vgg[theirs].shape == state[ours].shape for theirs, ours in names.items())
