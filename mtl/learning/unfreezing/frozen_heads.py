"""Heads that stay as they are while other parts train."""

from collections.abc import Sequence

from torch import nn

from mtl.errors import UserError
from mtl.learning.gradients.reach import ParameterReach, layout, trainable
from mtl.model.network import Network


class FrozenHeads:
    """The heads of some tasks, each a fixed function.

    Such a task's loss still teaches what comes before its head. Where nothing of that trains, the
    task is left out of the training: no sample is labelled for it.

    Args:
        tasks: whose heads.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tuple(tasks)
        self._entries: tuple[ParameterReach, ...] = ()

    @property
    def described(self) -> str:
        """The end of a line that says what is frozen."""
        return f"; {', '.join(f'heads.{task}' for task in self.tasks)} frozen" if self.tasks else ""

    def parameters(self, network: Network) -> list[nn.Parameter]:
        """All of them."""
        return [p for task in self.tasks for p in network.head(task).parameters()]

    def begin(self, network: Network, image_size: int) -> None:
        """Find out what each task's loss reaches.

        Args:
            network: before anything is frozen.
            image_size: side in pixels of what it sees.
        """
        self._entries = layout(network, image_size)

    def settle(self, network: Network) -> None:
        """Put the heads into eval mode, and leave out who has nothing to teach now.

        Args:
            network: frozen as it is to be.

        Raises:
            UserError: nobody is left.
        """
        if not self.tasks:
            return
        for task in self.tasks:
            network.head(task).eval()
        taught = {task for entry in trainable(self._entries) for task in entry.tasks}
        network.idle = frozenset(network.tasks) - taught
        if not taught:
            raise UserError(
                "unfreezing.heads: nothing would train, since all heads and stages are frozen; "
                "leave a head or a stage out"
            )
