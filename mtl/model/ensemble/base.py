"""What a choice of ``ensemble=`` has to be."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mtl.data.batch import Labelled
from mtl.model.ensemble.copies import copies_of
from mtl.model.ensemble.streams import split, together
from mtl.model.head.base import Head


class Ensemble(nn.Module):
    """Combines the decisions of views, branches, turned copies or models.

    Raw outputs come stacked: those of S streams over the same n samples, stream by stream. Unless
    a subclass says otherwise each stream learns by itself and all decisions count alike.

    Subclasses take these arguments and add their own options, one per key of their yaml.

    Args:
        streams: S, how many there are; 1 where fusion has merged them. Where separately trained
            networks are combined, how many of these there are.
        tasks: names of the tasks, in order.
        tta: copies of each image that are decided on outside training steps; see ``copies_of``.
            Each costs one pass of the whole network; none is the image alone.

    Raises:
        UserError: ``tta`` holds something that is no copy, or one twice.
    """

    over_models: ClassVar[bool] = True
    """Whether decisions of separately trained networks can be combined."""

    def __init__(self, streams: int, tasks: Sequence[str], tta: Sequence[float | str] = ()) -> None:
        super().__init__()
        self.streams = streams
        self.tasks = tuple(tasks)
        self.copies = copies_of(tta)

    def check(self, task: str, head: Head) -> None:
        """See that a task's head goes with this ensemble.

        Args:
            task: its name.
            head: its head.

        Raises:
            UserError: it doesn't.
        """

    def loss(self, task: str, head: Head, raw: Any, labels: Labelled) -> Tensor:
        """Scalar loss of a task; the mean over the streams of the head's loss.

        Stream by stream, since some losses are no mean over samples (Dice, pairs in the batch).

        Args:
            task: its name.
            head: its head.
            raw: output of the head for S·n samples.
            labels: of the n samples.
        """
        losses = [head.loss(own, labels) for own in split(raw, self.streams)]
        return torch.stack(losses).mean()

    @property
    def leaves_losses(self) -> bool:
        """Whether a task's loss is its head's and nothing else."""
        return self.streams == 1 and type(self).loss is Ensemble.loss

    def decide(self, task: str, head: Head, raw: Any) -> Any:
        """Raw output for S·n samples to n decisions, as ``Head.predict`` makes them."""
        decisions = [head.predict(own) for own in split(raw, self.streams)]
        return decisions[0] if len(decisions) == 1 else self.combine(task, head, decisions)

    def merged(self, task: str, head: Head, raw: Any) -> Any:
        """Raw output for S·n samples to one of the same form for n; here the streams' mean.

        It is what teachers and students compare. Of logits it is the geometric mean of
        probabilities, with which Hinton et al. (2015) distil an ensemble.
        """
        raws = split(raw, self.streams)
        return raws[0] if len(raws) == 1 else together(raws, _mean)

    def combine(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """Decisions of all streams, or of several models, on the same n samples to one."""
        return mean(head, decisions)

    def combine_copies(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """Decisions on all ``copies`` of the same n samples, in the images' own frame, to one."""
        return mean(head, decisions)

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name."""
        return {}


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).mean(0)


def mean(head: Head, decisions: Sequence[Any]) -> Any:
    """The average in which all decisions count alike."""
    count = len(decisions)
    return head.average(decisions, torch.full((count,), 1 / count, dtype=torch.float64))
