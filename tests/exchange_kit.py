"""Encoders in which tasks exchange what they know, with tiny backbones."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from training_kit import PlainBackbone

from mtl.model.backbone.base import Backbone
from mtl.model.backbone.small_cnn import SmallCNN
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.cgc import CGC
from mtl.model.encoder.cross_stitch import CrossStitch
from mtl.model.encoder.dselect_k import DSelectK
from mtl.model.encoder.ltb import LTB
from mtl.model.encoder.mmoe import MMoE
from mtl.model.encoder.mtan import MTAN
from mtl.model.encoder.nddr import NDDR
from mtl.model.encoder.ple import PLE
from mtl.model.views.single import Single

TASKS = ("a", "b", "c")
MEMBERS: dict[str, Callable[..., Encoder]] = {
    "cross_stitch": CrossStitch,
    "nddr": NDDR,
    "mtan": MTAN,
    "mmoe": MMoE,
    "cgc": CGC,
    "ple": PLE,
    "dselect_k": DSelectK,
    "ltb": LTB,
}


def small() -> Backbone:
    return SmallCNN(width=4)


def make(
    name: str,
    backbone: Callable[[], Backbone] = PlainBackbone,
    tasks: Sequence[str] = TASKS,
    **options: Any,
) -> Encoder:
    torch.manual_seed(0)
    return MEMBERS[name](backbone, tasks, Single(), **options).double()


def image(rows: int = 4, size: int = 16) -> torch.Tensor:
    return torch.randn(
        rows, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


def backbones(encoder: Encoder) -> list[Backbone]:
    return [m for m in encoder.modules() if isinstance(m, Backbone)]
