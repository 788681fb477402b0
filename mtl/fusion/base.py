"""What a choice of ``fusion=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import nn

from mtl.backbone.base import Features, Stage
from mtl.views.base import Views


class Fusion(nn.Module, ABC):
    """Merges the features of views and lets those of tasks meet.

    Args:
        stages: the features that come out of the encoder.
        tasks: names of the tasks, in order.
        views: the views that the features were computed on.
    """

    def __init__(self, stages: Sequence[Stage], tasks: Sequence[str], views: Views) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.tasks = tuple(tasks)
        self.view_count = views.count

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The features that the heads get; as they came in unless a fusion says otherwise."""
        return self.stages

    @abstractmethod
    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """Features of V·B views per task to features of B images per task."""
