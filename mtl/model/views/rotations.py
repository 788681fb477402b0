"""``views=rotations``."""

from collections.abc import Sequence

from torch import Tensor

from mtl.model.views.base import Views
from mtl.model.views.options import check_list
from mtl.model.views.placement import Placement, see


class Rotations(Views):
    """The image turned about its centre by several angles, on a canvas of its own size.

    Turns by multiples of 90 degrees only move pixels; all others are sampled bilinearly from one
    grid for the whole batch, and what they show from beyond the image is 0 (the mean colour).

    Args:
        angles: degrees, counter-clockwise.
        checkpointing: see ``Views``.
        equivariant: see ``Views``.

    Raises:
        UserError: there is no angle, or two are the same turn.
    """

    def __init__(self, angles: Sequence[float], checkpointing: bool, equivariant: bool) -> None:
        self.turns = [_turn(angle) for angle in angles]
        check_list("angles", angles, self.turns, "[0,90,180,270]")
        super().__init__([Placement.turned(angle) for angle in angles], checkpointing, equivariant)

    @property
    def quarter_turns(self) -> bool:
        """Whether with every angle there is the one 90 degrees further."""
        return {_turn(turn + 90) for turn in self.turns} == set(self.turns)

    def forward(self, image: Tensor) -> Tensor:
        """See ``Views``."""
        return see(image, self.placements, (image.shape[-2], image.shape[-1]))


def _turn(angle: float) -> float:
    """Degrees from 0 to below 360; the same number for angles that differ by rounding."""
    return round(angle % 360, 6) % 360
