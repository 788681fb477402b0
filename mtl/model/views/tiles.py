"""``views=tiles``."""

from torch import Tensor

from mtl.errors import UserError
from mtl.model.views.base import Views
from mtl.model.views.placement import Placement, see


class Tiles(Views):
    """The image cut into squares: the instances of a bag (Maron and Lozano-Pérez, 1998).

    Tiles are cut out at full resolution, so that each is smaller than the image. Where their
    borders fall between pixels they are sampled bilinearly.

    Args:
        grid: tiles along each side, at least 2.
        overlap: the share of a tile's side that it has in common with the next, 0 to below 1.
        whole: whether the whole image, shrunk to the size of a tile, is one more instance, the
            last.
        checkpointing: see ``Views``.

    Raises:
        UserError: grid or overlap out of range.
    """

    def __init__(self, grid: int, overlap: float, whole: bool, checkpointing: bool) -> None:
        if grid < 2:
            raise UserError(f"views.grid={grid}: must be at least 2 (views=single is the image)")
        if not 0 <= overlap < 1:
            raise UserError(f"views.overlap={overlap:g}: must be at least 0 and less than 1")
        self._side = 1 / (1 + (grid - 1) * (1 - overlap))
        width, step = 2 * self._side, (2 - 2 * self._side) / (grid - 1)
        corners = [-1 + number * step for number in range(grid)]
        windows = [
            Placement.window(f"r{row}c{column}", left, top, left + width, top + width)
            for row, top in enumerate(corners, 1)
            for column, left in enumerate(corners, 1)
        ]
        if whole:
            windows.append(Placement.window("whole", -1, -1, 1, 1))
        super().__init__(windows, checkpointing)

    @property
    def whole(self) -> bool:
        """An object may lie across several tiles."""
        return False

    @property
    def side(self) -> float:
        """That of a tile, 1 / grid without overlap."""
        return self._side

    def forward(self, image: Tensor) -> Tensor:
        """See ``Views``."""
        height, width = (max(1, round(side * self._side)) for side in image.shape[-2:])
        return see(image, self.placements, (height, width))
