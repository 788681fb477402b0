"""``fusion=none``."""

from collections.abc import Sequence

from mtl.model.backbone.base import Features, Stage
from mtl.model.fusion.base import Fusion
from mtl.model.views.base import Views


class NoFusion(Fusion):
    """Streams stay apart, each in the frame of the image; see ``Fusion`` for the arguments.

    Views that show only a part (tiles) stay in their own frames: no head whose decision has a place
    works on them, and one that pools would mostly see the empty cells around them.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[str],
        views: Views,
        streams: Sequence[int],
        exchange: str,
    ) -> None:
        super().__init__(stages, tasks, views, streams, exchange)
        self.whole = views.whole

    @property
    def streams(self) -> int:
        """As many as come in."""
        return len(self.incoming)

    def merge(self, features: Features) -> Features:
        """Turned back only; the same object where there is nothing to turn."""
        return self.upright(features) if self.whole else features
