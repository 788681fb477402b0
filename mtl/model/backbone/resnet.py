"""torchvision's residual networks."""

from collections import OrderedDict
from typing import Literal

import torchvision
from torch import nn

from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.options import check_choice
from mtl.model.backbone.weights import apply_weights, torchvision_imagenet

FAMILY = ("resnet*", "resnext*", "wide_resnet*")


class ResNet(Backbone):
    """ResNet (He et al., 2016) and its relatives in torchvision.

    Stages ``stem`` and ``layer1`` to ``layer4`` have strides 2, 4, 8, 16, 32; with the ``cifar``
    stem 1, 1, 2, 4, 8. The max pool opens ``layer1``.

    Args:
        model: torchvision's name of it (``resnet18``).
        stem: ``imagenet`` (7x7, stride 2, max pool) or ``cifar`` (3x3, stride 1, no pool).
        weights: ``none``, ``imagenet`` or a file.
    """

    def __init__(
        self,
        model: str = "resnet18",
        stem: Literal["imagenet", "cifar"] = "imagenet",
        weights: str | None = "none",
    ) -> None:
        check_choice("model", model, torchvision.models.list_models(include=FAMILY))
        check_choice("stem", stem, ("imagenet", "cifar"))
        net = torchvision.models.get_model(model, weights=None)
        if stem == "cifar":
            net.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
            net.maxpool = nn.Identity()
        stages: dict[str, nn.Module] = {
            "stem": nn.Sequential(OrderedDict(conv1=net.conv1, bn1=net.bn1, relu=net.relu)),
            "layer1": nn.Sequential(OrderedDict(maxpool=net.maxpool, blocks=net.layer1)),
            "layer2": net.layer2,
            "layer3": net.layer3,
            "layer4": net.layer4,
        }
        last = net.fc.in_features
        channels = (64, last // 8, last // 4, last // 2, last)
        strides = (1, 1, 2, 4, 8) if stem == "cifar" else (2, 4, 8, 16, 32)
        description = tuple(map(Stage, stages, channels, strides))
        super().__init__(stages, description)
        apply_weights(self, weights, net, lambda: torchvision_imagenet(model))
