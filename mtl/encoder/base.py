"""What a choice of ``encoder=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from mtl.backbone.base import Backbone, Features, Stage


class Encoder(nn.Module, ABC):
    """Backbones, and how tasks share their parameters.

    Args:
        make_backbone: builds one more backbone of the chosen kind.
        tasks: names of the tasks, in order.
    """

    def __init__(self, make_backbone: Callable[[], Backbone], tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.make_backbone = make_backbone

    @property
    @abstractmethod
    def feature_stages(self) -> tuple[Stage, ...]:
        """The features that every task gets, from fine to coarse."""

    @abstractmethod
    def stage_of(self, parameter: str) -> str:
        """The backbone stage that one of this module's parameter names belongs to.

        Parameter groups, freezing and learning-rate factors go by these names. Parameters that
        belong to no backbone stage (adapters, gates) answer ``encoder``.
        """

    @abstractmethod
    def forward(self, image: Tensor) -> dict[str, Features]:
        """(V·B, 3, h, w) float, normalised, to the features of each task."""
