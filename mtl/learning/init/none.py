"""``init=none``."""

from collections.abc import Sequence

from mtl.learning.init.base import Init
from mtl.model.network import Network


class NoInit(Init):
    """Weights stay as the network was built."""

    def begin(self, network: Network) -> Sequence[str]:
        """Nothing to tell."""
        return ()
