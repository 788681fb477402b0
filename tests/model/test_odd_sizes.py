"""Heads with a place work at sizes that no stride divides, whichever way the backbone rounds."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_backbone_stages import MAKERS

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.sample import Target
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.timm_model import Timm
from mtl.model.head.base import Head
from mtl.model.head.box import Box
from mtl.model.head.detection import Detection
from mtl.model.head.segmentation import Segmentation

pytestmark = pytest.mark.slow

SIZES = (65, 97)
SWIN, VIT = "swin_tiny_patch4_window7_224", "vit_tiny_patch16_224"


def backbone_of(name: str, size: int) -> Backbone:
    """Transformers are made for one size."""
    fixed: dict[str, Callable[[], Backbone]] = {
        "timm_nhwc": lambda: Timm(SWIN, options={"img_size": size}),
        "timm_body": lambda: Timm(VIT, options={"img_size": size}),
    }
    return fixed.get(name, MAKERS[name])()


def heads(backbone: Backbone, size: int) -> dict[str, Head]:
    common: dict[str, Any] = {"stages": backbone.feature_stages, "image_size": size}
    offered = [stage.stride for stage in backbone.feature_stages]
    boxes, mask = Target("boxes", ("a", "b")), Target("mask", ("background", "a"))
    return {
        "detection": Detection(target=boxes, channels=32, convs=1, strides=offered, **common),
        "box": Box(target=boxes, channels=4, hidden=8, **common),
        "segmentation": Segmentation(target=mask, channels=8, **common),
    }


def truth(size: int) -> dict[str, Labelled]:
    """A dot in the last corner, which no cell of maps rounded down may hold, and an object."""
    xyxy = torch.tensor([[[size - 1.5, size - 1.5, size, size], [3, 5, 40, 60]]]).float()
    none = torch.zeros(1, 2, dtype=torch.bool)
    index = torch.tensor([0])
    return {
        "detection": Labelled(index, BoxBatch(xyxy, torch.tensor([[0, 1]]), none)),
        "box": Labelled(index, xyxy[:, 1]),
        "segmentation": Labelled(index, torch.ones(1, size, size, dtype=torch.uint8)),
    }


@pytest.mark.parametrize("name", MAKERS)
@torch.no_grad()
def test_every_backbone_with_every_head(name: str) -> None:
    for size in SIZES:
        backbone = backbone_of(name, size).eval()
        features = backbone(torch.rand(1, 3, size, size))
        for task, head in heads(backbone, size).items():
            raw = head.eval()(features)
            assert head.loss(raw, truth(size)[task]).isfinite(), (task, size)
            (decision,) = head.unbatch(head.predict(raw))
            if isinstance(head, Detection):
                # The centres lie in the picture, or in the cell that its border cuts.
                assert (head.points.center < size + head.points.stride[:, None]).all()
                assert len(head.points.center) == raw["cls_logits"].shape[1]
            elif isinstance(head, Segmentation):
                assert decision.shape == (2, size, size)
