"""Turned views, and networks with few channels, for the encoders' tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.small_cnn import SmallCNN
from mtl.model.backbone.timm_model import Timm
from mtl.model.views.base import Views
from mtl.model.views.placement import Placement, see

TASKS = ["classification", "detection", "segmentation"]
SMALL = [
    f"tasks=[{','.join(TASKS)}]",
    "data.train=4",
    "data.val=4",
    "data.test=4",
    "image_size=32",
    "batch_size=4",
    "backbone.width=4",
    "heads.detection.channels=32",
    "augmentation=none",
    "epochs=1",
    "scheduler=constant",
    "lr=0.01",
]
TURNED = """\
# Turned views.
_target_: branch_kit.Turned
angles: [0, 90]
checkpointing: false
"""


class Turned(Views):
    """The image turned by each of the angles."""

    def __init__(self, angles: Sequence[float], checkpointing: bool = False) -> None:
        super().__init__([Placement.turned(angle) for angle in angles], checkpointing)

    def forward(self, image: Tensor) -> Tensor:
        return see(image, self.placements, (image.shape[-2], image.shape[-1]))


def write_views(folder: Path) -> Path:
    """``views=turned`` for ``--config-dir``."""
    (folder / "views").mkdir(parents=True)
    (folder / "views" / "turned.yaml").write_text(TURNED)
    return folder


def small(settings: Mapping[str, Any] | None = None) -> Backbone:
    """Stages stem, stage1, stage2, stage3 of 4, 8, 16, 32 channels, unless settings say more."""
    return SmallCNN(**{"width": 4, **(settings or {})})


def transformer(settings: Mapping[str, Any] | None = None) -> Backbone:
    """One stage ``body`` of 16 channels at stride 16, for images of 32 pixels."""
    options = {"img_size": 32, "patch_size": 16, "embed_dim": 16, "depth": 3, "num_heads": 2}
    return Timm("vit_tiny_patch16_224", options=options)


class Plain(Backbone):
    """One convolution after the other, for numbers by hand: stages a and b of stride 2 and 4."""

    def __init__(self, a: float = 1.0, b: float = 1.0) -> None:
        stages = {"a": torch.nn.Conv2d(3, 1, 2, 2), "b": torch.nn.Conv2d(1, 1, 2, 2)}
        super().__init__(stages, (Stage("a", 1, 2), Stage("b", 1, 4)))
        for stage, value in (("a", a), ("b", b)):
            torch.nn.init.constant_(stages[stage].weight, value)
            torch.nn.init.zeros_(stages[stage].bias)


def images(count: int, side: int = 32) -> Tensor:
    """The same noise each time: (count, 3, side, side)."""
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))
