"""A network whose features are its image's channels, so that it is known which are needed."""

import torch
from torch import Tensor

from mtl.data.batch import Batch, Labelled
from mtl.data.sample import Target
from mtl.model.backbone.base import Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.ensemble.none import NoEnsemble
from mtl.model.fusion.mean import MeanFusion
from mtl.model.head.classification import Classification
from mtl.model.network import Network
from mtl.model.views.single import Single

CHANNELS = {2: 2, 4: 6}
NEEDED = {"a": 0, "b": 3}
"""Task to the channel of stride 4 that its label is the sign of."""


class Channels(Encoder):
    """The first two channels of an image at stride 2, the others at stride 4."""

    def __init__(self) -> None:
        super().__init__(lambda: None, list(NEEDED), Single())

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        return tuple(Stage(f"s{stride}", count, stride) for stride, count in CHANNELS.items())

    def stage_of(self, parameter: str) -> str:
        return "encoder"

    def forward(self, image: Tensor) -> dict[str, Features]:
        features = {2: image[:, :2], 4: image[:, 2:]}
        return dict.fromkeys(self.tasks, features)


def network() -> Network:
    """Both heads look at all channels a little, and at the one that they need."""
    torch.manual_seed(0)
    encoder, views = Channels(), Single()
    fusion = MeanFusion(encoder.feature_stages, list(NEEDED), views, (0,), "none")
    heads = {
        task: Classification(
            target=Target("label", ("minus", "plus")),
            stages=encoder.feature_stages,
            image_size=4,
            label_smoothing=0.0,
        )
        for task in NEEDED
    }
    for task, needed in NEEDED.items():
        linear = heads[task].layers.layers[-1]
        with torch.no_grad():
            linear.weight.mul_(0.1)
            linear.weight[:, needed] = torch.tensor([-2.0, 2.0])
            linear.bias.zero_()
    return Network(
        views, encoder, fusion, heads, {t: t for t in NEEDED}, NoEnsemble(1, NEEDED)
    ).eval()


def batches(count: int = 4, size: int = 32) -> list[Batch]:
    """Noise, with the labels that its channels give."""
    random = torch.Generator().manual_seed(0)
    found = []
    for _ in range(count):
        # The same value in all cells, so that the mean over the picture says it.
        image = torch.randn(size, sum(CHANNELS.values()), 1, 1, generator=random).expand(
            -1, -1, 2, 2
        )
        labels = {
            task: Labelled(torch.arange(size), (image[:, 2 + needed, 0, 0] > 0).long())
            for task, needed in NEEDED.items()
        }
        found.append(Batch(image, [str(row) for row in range(size)], labels))
    return found
