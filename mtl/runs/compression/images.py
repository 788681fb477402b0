"""Samples of a run's own data, as its network gets them."""

from collections.abc import Callable, Iterator
from typing import Any, cast

from torch.utils.data import DataLoader

from mtl.data.batch import Batch
from mtl.data.loading.loader import identity
from mtl.data.loading.module import MultiTaskData
from mtl.data.loading.sampler import EpochSampler
from mtl.data.sources.base import Split


def batches_of(data: MultiTaskData, split: Split, count: int) -> Iterator[Batch]:
    """Some samples in batches, normalised and not augmented.

    Args:
        data: opened.
        split: which samples.
        count: how many at most; which is a function of the data's seed.

    Raises:
        UserError: there is no such split, or a sample can't be read and none may be left out.
    """
    loading = data.loading(split, augment=False)
    keys = list(EpochSampler(len(loading), data.seed, shuffle=True))[:count]
    rows = [keys[i : i + data.batch_size] for i in range(0, len(keys), data.batch_size)]
    loader: DataLoader[Batch] = DataLoader(
        loading,
        batch_sampler=rows,
        collate_fn=cast(Callable[[list[Any]], Any], identity),
        num_workers=0,
    )
    for batch in loader:
        data.note_broken(batch.broken)
        if len(batch):
            yield data.finish(batch, training=False)
