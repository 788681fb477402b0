"""Which samples come when: a function of the seed and the epoch, nothing else."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import cast

import numpy as np
import numpy.typing as npt
from torch.utils.data import BatchSampler, Sampler

Draw = Callable[[np.random.Generator], npt.NDArray[np.int64]]
"""The positions of an epoch, equally many each time."""
Key = tuple[int, int]
"""(epoch, position); position runs over all copies of all samples."""


class EpochSampler(Sampler[Key]):
    """Positions of one rank, in a new order each epoch.

    A resumed run sees the same order as one that was never stopped, and data-loading workers learn
    the epoch from the keys.

    Args:
        length: number of positions.
        seed: of the order.
        shuffle: whether there is an order other than the plain one.
        rank: of this process, under DDP.
        ranks: number of processes. With ``shuffle``, ranks get equally many positions (the first
            few come twice where the length doesn't divide); without, each position goes to exactly
            one rank.
        draw: what an epoch is of, where it isn't each position once; then it is shuffled already.
    """

    def __init__(
        self,
        length: int,
        seed: int,
        shuffle: bool,
        rank: int = 0,
        ranks: int = 1,
        draw: Draw | None = None,
    ) -> None:
        self.draw = draw
        self.length = length if draw is None else len(draw(np.random.default_rng(seed)))
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.ranks = ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.shuffle:
            return math.ceil(self.length / self.ranks)
        return len(range(self.rank, self.length, self.ranks))

    def __iter__(self) -> Iterator[Key]:
        order = np.arange(self.length)
        if self.shuffle:
            rng = np.random.default_rng([self.seed, self.epoch])
            if self.draw is None:
                rng.shuffle(order)
            else:
                order = self.draw(rng)
            order = np.resize(order, len(self) * self.ranks)
        for position in order[self.rank :: self.ranks]:
            yield self.epoch, int(position)


class RankBatches(BatchSampler):
    """Batches of one rank, and empty ones behind them until every rank has equally many.

    Under DDP, ranks exchange buffers at each batch, so that one with fewer would leave the others
    waiting.

    Args:
        sampler: of this rank.
        batch_size: samples per batch.
        drop_last: leave out a last batch that is not full.
        begin: an epoch, and how many of its batches come no more, since the run goes on behind
            them.
        step: batches that make a step, of which there are only whole ones then, however many ranks
            share them; None: the last step of an epoch may have fewer.
    """

    def __init__(
        self,
        sampler: EpochSampler,
        batch_size: int,
        drop_last: bool,
        begin: tuple[int, int] = (0, 0),
        step: int | None = None,
    ) -> None:
        super().__init__(cast(Sampler[int], sampler), batch_size, drop_last)
        self._epochs = sampler
        self._begin = begin
        self._step = step
        self._most = math.ceil(sampler.length / sampler.ranks)

    def __len__(self) -> int:
        if self._step is not None:
            samples = self.batch_size * self._epochs.ranks * self._step
            return self._epochs.length // samples * self._step
        most = self._most / self.batch_size
        return math.floor(most) if self.drop_last else math.ceil(most)

    @property
    def passed_over(self) -> int:
        """How many batches of the sampler's epoch come no more."""
        epoch, batches = self._begin
        return batches if self._epochs.epoch == epoch else 0

    def __iter__(self) -> Iterator[list[int]]:
        count = self.passed_over
        for batch in islice(super().__iter__(), count, len(self)):
            count += 1
            yield batch
        for _ in range(count, len(self)):
            yield []
