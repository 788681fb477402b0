"""A tiny member of each group, as a user would write one; the contracts hold for them too."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mtl import Encoder, Ensemble, Features, Fusion, Head, Placement, Stage, Standard, Views, see


class Mirrored(Views):
    """Each image and its mirror image."""

    def __init__(self) -> None:
        super().__init__([Placement.turned(0), Placement.turned(0, flip=True)])

    def forward(self, image: Tensor) -> Tensor:
        return see(image, self.placements, (image.shape[-2], image.shape[-1]))


class Twice(Encoder):
    """One backbone, whose features all tasks get doubled."""

    def __init__(self, make_backbone: Any, tasks: Sequence[str], views: Views) -> None:
        super().__init__(make_backbone, tasks, views)
        self.backbone = make_backbone()

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        return self.backbone.feature_stages

    def stage_of(self, parameter: str) -> str:
        return parameter.split(".")[2]

    def forward(self, image: Tensor) -> dict[str, Features]:
        features = {stride: 2 * maps for stride, maps in self.backbone(image).items()}
        return dict.fromkeys(self.tasks, features)


class Sum(Fusion):
    """What all streams show, added up."""

    def merge(self, features: Features) -> Features:
        return {stride: self.back(maps)[0].sum(0) for stride, maps in features.items()}


class Last(Ensemble):
    """The last decision."""

    def combine(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        return decisions[-1]


class Negative(Standard):
    """Light becomes dark."""

    def filter(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return 255 - image


YAML = {
    "views/own_mirrored": "# The image and its mirror image.\n_target_: own_members.Mirrored\n",
    "encoder/own_twice": "# Doubled features.\n_target_: own_members.Twice\n",
    "fusion/own_sum": "# Added up.\n_target_: own_members.Sum\nexchange: none\n",
    "ensemble/own_last": "# The last decision.\n_target_: own_members.Last\ntta: []\n",
    "preprocess/own_negative": (
        "# Light becomes dark.\n_target_: own_members.Negative\n"
        "mean: ${backbone.mean}\nstd: ${backbone.std}\nfit: stretch\n"
    ),
    "augmentation/own_upside_down": "# Every image upside down.\ndefaults: [none]\nvflip: 1.0\n",
    "weighting/learned": "# Learned weights.\n_target_: mine.learned.Learned\n",
}
"""Group and name to the yaml; the documents add a backbone, a head and the class of a weighting."""
