"""``weighting=equal``."""

import torch
from torch import Tensor

from mtl.learning.weighting.bases.losses import LossWeighting, Places


class Equal(LossWeighting):
    """The plain sum.

    >>> weighting = Equal(["a", "b"])
    >>> weighting({"a": torch.tensor(2.0), "b": torch.tensor(3.0)})
    tensor(5.)
    """

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The sum, and ones."""
        return values.sum(), torch.ones_like(values)

    def ahead(self, places: Places) -> Tensor:
        """Ones."""
        return torch.ones(len(places))

    def gauges(self) -> dict[str, Tensor]:
        """None: they would all be 1."""
        return {}
