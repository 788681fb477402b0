"""Batches that are accumulated for one step, handed out together."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from mtl.data.batch import Batch
from mtl.data.loading.around import Around


class Windows(Around):
    """A loader whose batches know the others of their step.

    How much a labelled sample counts in a step depends on how many there are in all its batches,
    so that these have to be there before the first backward pass.

    Args:
        loader: of batches.
        size: batches per step, at least 2; the last step of an epoch may have fewer.
        limit: says how many batches an epoch has, where that is less than the loader's.
    """

    def __init__(
        self, loader: Iterable[Batch], size: int, limit: Callable[[], float | None]
    ) -> None:
        super().__init__(loader)
        self.size = size
        self.limit = limit

    def __iter__(self) -> Iterator[Batch]:
        limit = self.limit()
        most = len(self) if limit is None else int(min(limit, len(self)))
        batches = islice(self.loader, most)
        while members := list(islice(batches, self.size)):
            # A list, whose items are exchanged for finished ones once they are on the device.
            for place, batch in enumerate(members):
                yield replace(batch, window=members, place=place)
