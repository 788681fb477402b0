"""Which tasks of a trained network use which channels."""

from collections.abc import Iterator
from math import ceil

from mtl.data.batch import Batch
from mtl.data.loading.module import MultiTaskData
from mtl.model.network import Network
from mtl.runs.compression.images import batches_of
from mtl.runs.compression.select.budget import chosen
from mtl.runs.compression.select.methods import judge
from mtl.runs.compression.select.use import ChannelUse, groups_of


class TrainingImages:
    """Some samples of the training split, in batches that can be gone through again.

    Args:
        data: opened.
        count: of samples at most.
    """

    def __init__(self, data: MultiTaskData, count: int) -> None:
        self.data = data
        self.count = min(count, len(data.required("train")))

    def __iter__(self) -> Iterator[Batch]:
        """Once more, not augmented."""
        return batches_of(self.data, "train", self.count)

    def __len__(self) -> int:
        return ceil(self.count / self.data.batch_size)


def analysed(
    network: Network, data: MultiTaskData, method: str, keep: float, images: int, epochs: int
) -> ChannelUse:
    """Judge all channels that heads read, and choose each task's best.

    Args:
        network: trained, in evaluation mode, on the CPU.
        data: of its run, opened.
        method: see ``judge``.
        keep: share of its channels that each task may keep.
        images: of the training split at most.
        epochs: how often gates are led through these.

    Raises:
        UserError: see ``judge``.
    """
    batches = TrainingImages(data, images)
    scores = judge(method, network, batches, keep, epochs, data.seed)
    groups = groups_of(network, next(iter(batches)).image[:1])
    return ChannelUse(method, keep, scores, chosen(scores, keep), groups)
