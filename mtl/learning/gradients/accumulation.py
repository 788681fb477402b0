"""The batches that make one step together."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mtl.data.batch import Batch
from mtl.learning.gradients.ranks import add_counts, add_values, world
from mtl.model.network import Network


@dataclass(frozen=True)
class Part:
    """What one batch adds to a step, in one process.

    Args:
        losses: task to the mean over this batch's labelled samples, with gradient; tasks without
            any are absent.
        shares: task to the number of these samples over that in the whole step: in all its batches
            and all processes.
        tasks: those with a label anywhere in the step, in the order of the network's.
        batches: how many batches make the step.
        first: whether this is the first of them.
        last: whether the step comes now.
        values: task to the mean loss of the whole step, detached; empty before the last batch.
    """

    losses: dict[str, Tensor]
    shares: dict[str, float]
    tasks: tuple[str, ...]
    batches: int
    first: bool
    last: bool
    values: dict[str, Tensor]


class Accumulation:
    """Sees to it that each labelled sample of a step counts alike, wherever it is.

    A step over several batches and processes is that of one large batch: a task's loss is the
    mean over all its labelled samples, however they are spread. How many there will be is known
    before the first backward pass, since the loader hands over the step's batches together.

    Args:
        network: knows which samples are labelled for which task.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.totals: dict[str, int] = {}
        self.sums: dict[str, Tensor] = {}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those with a label anywhere in the step that has begun."""
        return tuple(task for task in self.network.tasks if self.totals.get(task, 0))

    def counts(self, batch: Batch) -> dict[str, int]:
        """Task to the number of samples that its loss on the batch is the mean of; 0 are absent."""
        return self.network.label_counts(batch)

    def begin(self, batch: Batch) -> None:
        """To be called for each batch; counts the labels of the step at its first one.

        Args:
            batch: on its device, augmented.
        """
        if batch.place > 0 or _alone(batch):
            return
        numbers = dict.fromkeys(self.network.tasks, 0)
        for member in batch.window or (batch,):
            for task, count in self.counts(member).items():
                numbers[task] += count
        self.totals = add_counts(numbers)
        self.sums = {}

    def part(self, batch: Batch, losses: dict[str, Tensor], counts: Mapping[str, int]) -> Part:
        """What this batch adds.

        Args:
            batch: that ``begin`` was called with.
            losses: see ``Part``.
            counts: task to the number of labelled samples that its loss is the mean of.
        """
        size = max(1, len(batch.window))
        last = batch.place == size - 1
        alone = _alone(batch)
        if alone:
            self.totals, self.sums = dict(counts), {}
        shares = {task: 1.0 if alone else n / self.totals[task] for task, n in counts.items()}
        for task, loss in losses.items():
            value = loss.detach() if alone else loss.detach().float() * shares[task]
            self.sums[task] = self.sums[task] + value if task in self.sums else value
        values: dict[str, Tensor] = {}
        if last:
            values = add_values(self.sums, self.tasks, batch.image.device)
        return Part(losses, shares, self.tasks, size, batch.place == 0, last, values)


def shared_losses(part: Part, ranks: int) -> dict[str, Tensor]:
    """Losses with the value over all processes, for DDP, which averages gradients.

    The gradient of each is this process's share of it, times the number of processes.

    Args:
        part: the only one of its step.
        ranks: number of processes.
    """
    if ranks == 1:
        return part.losses
    found = dict(part.values)
    for task, loss in part.losses.items():
        own = loss * (ranks * part.shares[task])
        found[task] = own + (part.values[task] - own.detach())
    return found


def _alone(batch: Batch) -> bool:
    """Whether a batch is a whole step."""
    return len(batch.window) < 2 and world() == 1
