"""``unfreezing=frozen``."""

from collections.abc import Sequence

from mtl.errors import UserError
from mtl.learning.unfreezing.base import StageFreezing
from mtl.model.encoder.stage_names import check_stages


class Frozen(StageFreezing):
    """Some stages never train, nor do some heads; everything else does.

    Args:
        stages: names of the backbone's stages; None freezes all of them.
        heads: tasks whose heads never train.

    Raises:
        UserError: nothing is named.
    """

    def __init__(self, stages: Sequence[str] | None, heads: Sequence[str] = ()) -> None:
        super().__init__(heads)
        if stages is not None and not stages and not heads:
            raise UserError("unfreezing.stages=[]: name a stage or heads, or write unfreezing=none")
        self.chosen = stages

    def plan(self, stages: Sequence[str], epochs: int) -> dict[str, int]:
        """The others train from the start."""
        chosen = stages if self.chosen is None else self.chosen
        check_stages("unfreezing.stages", chosen, stages)
        return {stage: 0 for stage in stages if stage not in chosen}
