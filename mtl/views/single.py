"""``views=single``."""

from torch import Tensor

from mtl.views.base import Views


class Single(Views):
    """Each image as it is."""

    @property
    def count(self) -> int:
        """One."""
        return 1

    def forward(self, image: Tensor) -> Tensor:
        """The same tensor."""
        return image
