"""Batches for predictions, in the order of the samples."""

from collections.abc import Iterator

from torch.utils.data import DataLoader

from mtl.data.batch import Batch


class AsItIs:
    """A loader that Lightning leaves alone; for predictions it would rebuild the sampler."""

    def __init__(self, loader: DataLoader[Batch]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.loader)
