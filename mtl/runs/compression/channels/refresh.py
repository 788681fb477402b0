"""Batch norms' statistics of a network that has changed."""

from collections.abc import Iterable

from torch.optim.swa_utils import update_bn

from mtl.data.batch import Batch
from mtl.model.network import Network


def refresh_statistics(network: Network, batches: Iterable[Batch]) -> None:
    """Take running means and variances anew, as plain means over batches.

    Args:
        network: in evaluation mode, which it stays in.
        batches: normalised.
    """
    update_bn((batch.image for batch in batches), network)
