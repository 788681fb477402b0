"""Views for tests of fusion, found by name as a user's own are: ``views=turns|quarters``."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from training_kit import write_conf

from mtl.model.backbone.base import Features, Stage
from mtl.model.fusion.attention import Attention
from mtl.model.fusion.base import Fusion
from mtl.model.fusion.concat import Concat
from mtl.model.fusion.max import Max
from mtl.model.fusion.mean import MeanFusion
from mtl.model.fusion.mil_attention import MilAttention
from mtl.model.fusion.none import NoFusion
from mtl.model.views.base import Views
from mtl.model.views.placement import Placement, see

STAGES = (Stage("fine", 3, 2), Stage("coarse", 4, 4))
MEMBERS: dict[str, type[Fusion]] = {
    "none": NoFusion,
    "mean": MeanFusion,
    "max": Max,
    "concat": Concat,
    "attention": Attention,
    "mil_attention": MilAttention,
}
SYMMETRIC = ("mean", "max", "attention", "mil_attention")


class Turns(Views):
    """Turned copies, all as large as the image."""

    def __init__(self, angles: Sequence[float] = (0, 90, 180, 270)) -> None:
        super().__init__([Placement.turned(angle) for angle in angles])

    def forward(self, image: Tensor) -> Tensor:
        return see(image, self.placements, (image.shape[-2], image.shape[-1]))


class Quarters(Views):
    """Four tiles of half the image's side: top left, top right, bottom left, bottom right."""

    def __init__(self) -> None:
        corners = [(x, y) for y in (-1, 0) for x in (-1, 0)]
        super().__init__([Placement.window(f"{x},{y}", x, y, x + 1, y + 1) for x, y in corners])

    @property
    def whole(self) -> bool:
        return False

    @property
    def side(self) -> float:
        return 0.5

    def forward(self, image: Tensor) -> Tensor:
        return see(image, self.placements, (image.shape[-2] // 2, image.shape[-1] // 2))


def fusion(
    member: str,
    views: Views,
    tasks: Sequence[str] = ("a", "b"),
    streams: Sequence[int] | None = None,
    stages: Sequence[Stage] = STAGES,
    exchange: str = "none",
    lively: bool = False,
) -> Fusion:
    """A member; ``lively`` gives parameters that start at 0 random values instead."""
    options = {"hidden": 5} if "attention" in member else {}
    streams = range(views.count) if streams is None else streams
    torch.manual_seed(1)
    made = MEMBERS[member](stages, tasks, views, streams, exchange=exchange, **options)
    if lively:
        for parameter in made.parameters():
            nn.init.normal_(parameter)
    return made


def features(rows: int, side: int, stages: Sequence[Stage] = STAGES, seed: int = 0) -> Features:
    """Random maps; ``side`` is that of the finest."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for stage in stages:
        size = side * stages[0].stride // stage.stride
        found[stage.stride] = torch.randn(rows, stage.channels, size, size, generator=generator)
    return found


VIEWS = """\
# For tests.
_target_: fusion_kit.{name}
"""


def write_fusion_conf(folder: Path) -> Path:
    """What ``write_conf`` writes and ``views=turns|quarters``."""
    (folder / "views").mkdir(parents=True, exist_ok=True)
    for name in ("Turns", "Quarters"):
        (folder / "views" / f"{name.lower()}.yaml").write_text(VIEWS.format(name=name))
    return write_conf(folder)
