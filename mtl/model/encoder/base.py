"""What a choice of ``encoder=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.views.base import Views


class Encoder(nn.Module, ABC):
    """Backbones, and how tasks, views and branches share their parameters.

    Subclasses add their own options, one per key of their yaml.

    Args:
        make_backbone: builds one more backbone of the chosen kind; without pre-trained weights
            every call has its own random ones.
        tasks: names of the tasks, in order.
        views: what the images look like that come in.
    """

    def __init__(
        self, make_backbone: Callable[[], Backbone], tasks: Sequence[str], views: Views
    ) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.make_backbone = make_backbone
        self.view_count = views.count

    @property
    def streams(self) -> tuple[int, ...]:
        """For each of the S feature streams that come out the index of the view that it shows."""
        return tuple(range(self.view_count))

    @property
    def symmetric(self) -> bool:
        """Whether all views go through the same parameters."""
        return True

    @property
    @abstractmethod
    def feature_stages(self) -> tuple[Stage, ...]:
        """The features that every task gets, from fine to coarse."""

    @property
    def description(self) -> tuple[Stage, ...]:
        """All stages of the (first) backbone in order of execution, for freezing and rates."""
        return next(m for m in self.modules() if isinstance(m, Backbone)).description

    @abstractmethod
    def stage_of(self, parameter: str) -> str:
        """The backbone stage that one of this module's parameter names belongs to.

        Parameter groups, freezing and learning-rate factors go by these names. Parameters that
        belong to no backbone stage (adapters, gates) answer ``encoder``.
        """

    @abstractmethod
    def forward(self, image: Tensor) -> dict[str, Features]:
        """Views to the features of each task.

        Args:
            image: (V·B, 3, h, w) float, normalised, view by view.

        Returns:
            Task to features, each (S·B, C, h', w'), stream by stream. Tasks that share all of
            their features get the same object.
        """

    def begin_step(self, progress: float) -> None:
        """Called before each training step, for what changes in the course of a training.

        Args:
            progress: share of the epochs that are done, from 0 to below 1; the same in all steps of
                an epoch, and in a resumed run as in an unbroken one.
        """

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name."""
        return {}
