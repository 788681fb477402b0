"""``fusion=none``."""

from collections.abc import Sequence

from mtl.backbone.base import Features, Stage
from mtl.errors import UserError
from mtl.fusion.base import Fusion
from mtl.views.base import Views


class NoFusion(Fusion):
    """Features go to the heads as they are.

    Raises:
        UserError: there are several views, which something has to merge.
    """

    def __init__(
        self, stages: Sequence[Stage], tasks: Sequence[str], views: Views, streams: Sequence[int]
    ) -> None:
        super().__init__(stages, tasks, views, streams)
        if len(streams) > 1:
            raise UserError(
                f"fusion=none can't merge {len(streams)} views: choose another or views=single"
            )

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """The same object."""
        return features
