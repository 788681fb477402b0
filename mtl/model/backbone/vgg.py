"""torchvision's VGG networks."""

import torchvision
from torch import nn

from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.options import check_choice
from mtl.model.backbone.weights import apply_weights, torchvision_imagenet

BLOCKS = 5
LAYOUTS = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}


class VGG(Backbone):
    """The convolutional part of VGG (Simonyan and Zisserman, 2015).

    Stages ``block1`` to ``block5`` each end with their max pool: strides 2, 4, 8, 16, 32.

    Args:
        model: ``vgg11``, ``vgg13``, ``vgg16`` or ``vgg19``; with batch normalisation as
            ``vgg16_bn``.
        weights: ``none``, ``imagenet`` or a file.
    """

    def __init__(self, model: str = "vgg16", weights: str | None = "none") -> None:
        check_choice("model", model, [n + end for n in LAYOUTS for end in ("", "_bn")])
        # Not torchvision's whole model: its classifier alone takes half a gigabyte.
        layout = torchvision.models.vgg.cfgs[LAYOUTS[model.removesuffix("_bn")]]
        layers = torchvision.models.vgg.make_layers(layout, batch_norm=model.endswith("_bn"))
        blocks: list[list[nn.Module]] = [[] for _ in range(BLOCKS)]
        channels = [0] * BLOCKS
        block = 0
        for layer in layers:
            blocks[block].append(layer)
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
                channels[block] = layer.out_channels
            elif isinstance(layer, nn.MaxPool2d):
                block += 1
        stages: dict[str, nn.Module] = {
            f"block{number}": nn.Sequential(*parts) for number, parts in enumerate(blocks, 1)
        }
        description = tuple(map(Stage, stages, channels, (2, 4, 8, 16, 32)))
        super().__init__(stages, description)
        original = nn.ModuleDict({"features": layers})
        apply_weights(self, weights, original, lambda: torchvision_imagenet(model))
