"""``views=single``."""

from torch import Tensor

from mtl.model.views.base import Views
from mtl.model.views.placement import Placement


class Single(Views):
    """Each image as it is.

    Args:
        checkpointing: see ``Views``.
    """

    def __init__(self, checkpointing: bool = False) -> None:
        super().__init__([Placement.turned(0)], checkpointing)

    def forward(self, image: Tensor) -> Tensor:
        """The same tensor."""
        return image
