"""Batches made ready in a thread."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from mtl.data.batch import Batch
from mtl.data.loading.ahead import Ahead
from mtl.errors import UserError

BATCHES = [Batch(torch.zeros(1, 3, 2, 2), [f"{n}"], {}) for n in range(3)]


class Loader:
    """Knows how many batches were asked for."""

    sampler = "its sampler"

    def __init__(self) -> None:
        self.read = 0

    def __len__(self) -> int:
        return len(BATCHES)

    def __iter__(self) -> Iterator[Batch]:
        for batch in BATCHES:
            self.read += 1
            yield batch


def test_batches_come_finished_and_in_order_one_read_ahead() -> None:
    loader, done = Loader(), threading.Event()

    def finish(batch: Batch) -> Batch:
        assert torch.get_num_threads() == 1
        if batch.ids == ["1"]:
            done.set()
        return replace(batch, seed=int(batch.ids[0]) + 1)

    threads = torch.get_num_threads()
    ahead = Ahead(loader, finish)
    assert (len(ahead), ahead.sampler) == (3, "its sampler")
    batches = iter(ahead)
    assert next(batches).seed == 1
    assert done.wait(10)  # while nobody asks for it
    assert loader.read == 2
    assert [batch.seed for batch in batches] == [2, 3]
    assert torch.get_num_threads() == threads


def test_what_goes_wrong_comes_out() -> None:
    def finish(batch: Batch) -> Batch:
        raise UserError("broken")

    with pytest.raises(UserError, match="broken"):
        next(iter(Ahead(Loader(), finish)))
