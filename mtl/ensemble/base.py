"""What a choice of ``ensemble=`` has to be."""

from abc import ABC, abstractmethod
from typing import Any

from torch import nn


class Ensemble(nn.Module, ABC):
    """Combines the decisions of views, branches or models."""

    @abstractmethod
    def forward(self, predictions: dict[str, Any]) -> dict[str, Any]:
        """Task to prediction as the heads made it, to task to combined prediction."""
