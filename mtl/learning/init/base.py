"""What a choice of ``init=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mtl.model.network import Network


class Init(ABC):
    """Gives a fresh network the weights that it begins with.

    It is asked once, before the first step of a new run: one that goes on has its own weights.
    """

    @abstractmethod
    def begin(self, network: Network) -> Sequence[str]:
        """Change the network's weights in place.

        Args:
            network: on the CPU, with random weights, or those that ``backbone.weights`` names.

        Returns:
            What the user is told of it, line by line.

        Raises:
            UserError: there is nothing to begin with.
        """
