"""``encoder=shared``."""

from collections.abc import Callable, Sequence

from torch import Tensor

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.views.base import Views


class Shared(Encoder):
    """One backbone for all tasks: hard parameter sharing (Caruana, 1997)."""

    def __init__(
        self, make_backbone: Callable[[], Backbone], tasks: Sequence[str], views: Views
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        self.backbone = make_backbone()

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The backbone's own."""
        return self.backbone.feature_stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``backbone.stages.<stage>.…``."""
        return parameter.split(".")[2]

    def forward(self, image: Tensor) -> dict[str, Features]:
        """One pass; every task gets the same features."""
        features = self.backbone(image)
        return dict.fromkeys(self.tasks, features)
