"""``unfreezing=frozen``."""

from collections.abc import Sequence

from mtl.errors import UserError
from mtl.learning.unfreezing.base import StageFreezing
from mtl.model.encoder.stage_names import check_stages


class Frozen(StageFreezing):
    """Some stages never train; the heads and everything else outside of the backbone do.

    Args:
        stages: names of the backbone's stages; None freezes all of them.

    Raises:
        UserError: an empty list.
    """

    def __init__(self, stages: Sequence[str] | None) -> None:
        super().__init__()
        if stages is not None and not stages:
            raise UserError("unfreezing.stages=[]: name a stage, or write unfreezing=none")
        self.chosen = stages

    def plan(self, stages: Sequence[str], epochs: int) -> dict[str, int]:
        """The others train from the start."""
        chosen = stages if self.chosen is None else self.chosen
        check_stages("unfreezing.stages", chosen, stages)
        return {stage: 0 for stage in stages if stage not in chosen}
