"""Every backbone is what its description says."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torchvision.models.feature_extraction import create_feature_extractor

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.efficientnet_lite0 import EfficientNetLite0
from mtl.model.backbone.resnet import ResNet
from mtl.model.backbone.small_cnn import SmallCNN
from mtl.model.backbone.timm_model import Timm
from mtl.model.backbone.vgg import VGG

MAKERS: dict[str, Callable[[], Backbone]] = {
    "small_cnn": SmallCNN,
    "small_cnn_cifar": lambda: SmallCNN(width=8, depth=2, stem_stride=1),
    "resnet18": ResNet,
    "resnet18_cifar": lambda: ResNet(stem="cifar"),
    "resnet50": lambda: ResNet("resnet50"),
    "vgg11_bn": lambda: VGG("vgg11_bn"),
    "efficientnet_lite0": EfficientNetLite0,
    "timm_chain": lambda: Timm("mobilenetv3_small_050"),
    "timm_list": lambda: Timm("convnext_atto"),
    "timm_nhwc": lambda: Timm("swin_tiny_patch4_window7_224", options={"img_size": 32}),
    "timm_body": lambda: Timm("vit_tiny_patch16_224", options={"img_size": 32}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_description_is_true(name: str) -> None:
    backbone = MAKERS[name]()
    for size in (32,) if name in ("timm_nhwc", "timm_body") else (40, 64):
        features = backbone(torch.rand(2, 3, size, size))
        assert list(features) == [s.stride for s in backbone.feature_stages]
        for stage in backbone.feature_stages:
            # VGG's pools and ConvNeXt's patches drop what doesn't fill a stride.
            down = name in ("vgg11_bn", "timm_list")
            side = size // stage.stride if down else -(-size // stage.stride)
            assert features[stage.stride].shape == (2, stage.channels, side, side)
    coarsest = features[max(features)]
    coarsest.square().mean().backward()
    first = next(backbone.stages[backbone.description[0].name].parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


@pytest.mark.parametrize("name", MAKERS)
def test_every_tensor_belongs_to_one_stage(name: str) -> None:
    backbone = MAKERS[name]()
    tensors = backbone.state_dict(keep_vars=True)
    owners = [
        id(t) for m in backbone.stages.values() for t in m.state_dict(keep_vars=True).values()
    ]
    assert sorted(owners) == sorted({id(t) for t in tensors.values()})
    assert all(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.slow
def test_strides() -> None:
    def strides(backbone: Backbone) -> list[int]:
        return [stage.stride for stage in backbone.description]

    assert strides(SmallCNN()) == [2, 4, 8, 16]
    assert strides(SmallCNN(stem_stride=1)) == [1, 2, 4, 8]
    assert strides(ResNet()) == [2, 4, 8, 16, 32]
    assert strides(ResNet(stem="cifar")) == [1, 1, 2, 4, 8]
    assert strides(VGG("vgg11")) == [2, 4, 8, 16, 32]
    assert strides(EfficientNetLite0()) == [2, 4, 8, 16, 32]
    assert strides(Timm("vit_tiny_patch16_224", options={"img_size": 32})) == [16]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet18", "resnet50"])
def test_resnet_equals_torchvision(model: str) -> None:
    reference = torchvision.models.get_model(model, weights=None).eval()
    backbone = ResNet(model).eval()
    state = reference.state_dict()
    renamed = {
        name: state[name.replace("stages.", "").replace("stem.", "").replace("blocks.", "")]
        for name in backbone.state_dict()
    }
    backbone.load_state_dict(renamed)
    nodes = {"relu": 2, "layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
    extractor = create_feature_extractor(reference, {k: str(v) for k, v in nodes.items()})
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found, wanted = backbone(image), extractor(image)
    for stride in nodes.values():
        torch.testing.assert_close(found[stride], wanted[str(stride)], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Timm("resnet19"), "backbone.model=resnet19: .*did you mean resnet18"),
        (lambda: Timm("resnet18", options={"drop": 1}), "backbone.options: .*drop"),
        (lambda: ResNet("resnet20"), "backbone.model=resnet20: did you mean resnet.*allowed"),
        (lambda: ResNet(stem="cifr"), "backbone.stem=cifr: did you mean cifar"),
        (lambda: VGG("vgg12"), "backbone.model=vgg12: did you mean vgg1"),
        (lambda: SmallCNN(width=0), "backbone.width=0"),
        (lambda: SmallCNN(depth=0), "backbone.depth=0"),
        (lambda: SmallCNN(stem_stride=4), "backbone.stem_stride=4: allowed: 1, 2"),
    ],
)
def test_messages(make: Callable[[], Backbone], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
