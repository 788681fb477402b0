"""``views=scales``."""

from collections.abc import Sequence

from torch import Tensor

from mtl.config.nearest import in_words
from mtl.errors import UserError
from mtl.model.views.base import Views
from mtl.model.views.options import check_list
from mtl.model.views.placement import Placement, see


class Scales(Views):
    """The image shrunk and enlarged about its centre, on a canvas of its own size.

    Around a shrunk picture there is 0 (the mean colour); of an enlarged one the margins are cut.

    Args:
        factors: of each view's size; 0.5 shows the picture half as wide, 2 its middle half.
        checkpointing: see ``Views``.

    Raises:
        UserError: there is no factor, one is not above 0, or two are the same.
    """

    def __init__(self, factors: Sequence[float], checkpointing: bool) -> None:
        check_list("factors", factors, factors, "[1.0,0.75,1.5]")
        if min(factors) <= 0:
            raise UserError(f"views.factors={in_words(list(factors))}: each must be greater than 0")
        windows = [
            Placement.window(f"x{factor:g}", -1 / factor, -1 / factor, 1 / factor, 1 / factor)
            for factor in factors
        ]
        super().__init__(windows, checkpointing)

    def forward(self, image: Tensor) -> Tensor:
        """See ``Views``."""
        return see(image, self.placements, (image.shape[-2], image.shape[-1]))
