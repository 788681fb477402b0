"""What a choice of ``fusion=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from mtl.backbone.base import Features, Stage
from mtl.views.base import Views


class Fusion(nn.Module, ABC):
    """Brings the features of views and branches together and lets those of tasks meet.

    Args:
        stages: the features that come out of the encoder.
        tasks: names of the tasks, in order.
        views: the views that the features were computed on.
        streams: for each feature stream that the encoder gives the view that it shows.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[str],
        views: Views,
        streams: Sequence[int],
    ) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.tasks = tuple(tasks)
        # Not a submodule: the network owns the views.
        self._back = views.back
        self.placements = views.placements
        self.incoming = tuple(streams)

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The features that the heads get; as they came in unless a fusion says otherwise."""
        return self.stages

    @property
    def streams(self) -> int:
        """How many streams are left: 1 where they were merged."""
        return 1

    @property
    def symmetric(self) -> bool:
        """Whether the order of the views makes no difference."""
        return False

    def tasks_of(self, parameter: str) -> tuple[str, ...]:
        """The tasks whose losses reach one of this module's parameters."""
        return self.tasks

    @abstractmethod
    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """Merge.

        Args:
            features: task to features, each (S·B, C, h, w), stream by stream, in the frame of each
                stream's view. Tasks that share their features have the same object.

        Returns:
            Task to features, each (``streams``·B, C', h, w), in the frame of the image.
        """

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name (``attention/90°``)."""
        return {}
