"""What a choice of ``views=`` has to be."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Views(nn.Module, ABC):
    """Makes V views of each image, stacked along the batch."""

    @property
    @abstractmethod
    def count(self) -> int:
        """V, at least 1."""

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (V·B, 3, h, w): all images in view 0, then all in view 1, ..."""
