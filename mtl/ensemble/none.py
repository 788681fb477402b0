"""``ensemble=none``."""

from typing import Any

from mtl.ensemble.base import Ensemble


class NoEnsemble(Ensemble):
    """Decisions stay as the heads made them."""

    def forward(self, predictions: dict[str, Any]) -> dict[str, Any]:
        """The same object."""
        return predictions
