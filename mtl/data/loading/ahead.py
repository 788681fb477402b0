"""Batches that are made ready while the network works on the one before."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from mtl.data.batch import Batch
from mtl.data.loading.around import Around


class Ahead(Around):
    """Reads and finishes one batch ahead in a thread; torch lets other threads run as it computes.

    Args:
        loader: of batches, without processes of its own.
        finish: what is to be done with each; called in the thread, one at a time and in order.
    """

    def __init__(self, loader: Iterable[Batch], finish: Callable[[Batch], Batch]) -> None:
        super().__init__(loader)
        self.finish = finish

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.loader)

        def following() -> Batch | None:
            batch = next(batches, None)
            return None if batch is None else self.finish(batch)

        # One core for it, the others for the network; torch keeps this number for each thread.
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as thread:
            waiting = thread.submit(following)
            while (batch := waiting.result()) is not None:
                waiting = thread.submit(following)
                yield batch
