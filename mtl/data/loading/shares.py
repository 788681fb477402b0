"""How often training draws which samples, where an epoch isn't simply each of them once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """Groups of samples, each with its share of an epoch.

    An epoch has as many samples as the groups together. A group that is too small for its share is
    gone through again and again, each time in a new order; of one that is too large another part
    comes in each epoch.

    Args:
        groups: (N,) the group of each sample, from 0.
        shares: of each group, 0 or more, not all 0.
        apart: whether a batch holds samples of one group alone.
    """

    groups: Rows
    shares: Sequence[float]
    apart: bool = False

    def repeated(self, copies: int) -> "Shares":
        """The same for positions that run over all copies of all samples."""
        return Shares(np.tile(self.groups, copies), self.shares, self.apart)

    def quotas(self) -> list[int]:
        """How many samples of each group an epoch has, in all N; those without any have none."""
        there = np.bincount(self.groups, minlength=len(self.shares)) > 0
        wanted = np.where(there, self.shares, 0.0)
        exact = wanted / wanted.sum() * len(self.groups)
        whole = np.floor(exact).astype(int)
        rest = len(self.groups) - int(whole.sum())
        whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
        return [int(number) for number in whole]

    def order(self, rng: np.random.Generator, block: int) -> Rows:
        """The positions of one epoch; always equally many.

        Positions run over the samples again and again: one that is drawn a second time has N added
        to its number, so that other random steps are taken with it.

        Args:
            rng: decides.
            block: samples of one step of all processes. Where groups are ``apart``, each block is
                of one of them; what is left of a group's share comes in other epochs, and a group
                with a share has one block at least.
        """
        numbers = self.quotas()
        if not self.apart:
            drawn = [self._drawn(group, number, rng) for group, number in enumerate(numbers)]
            order = np.concatenate(drawn)
            rng.shuffle(order)
            return order
        blocks = [
            part
            for group, number in enumerate(numbers)
            for part in self._drawn(group, _whole(number, block), rng).reshape(-1, block)
        ]
        return np.concatenate([blocks[place] for place in rng.permutation(len(blocks))])

    def _drawn(self, group: int, number: int, rng: np.random.Generator) -> Rows:
        rows = np.flatnonzero(self.groups == group)
        rounds = -(-number // max(1, len(rows)))
        all_rounds = [rng.permutation(rows) + again * len(self.groups) for again in range(rounds)]
        return np.concatenate([*all_rounds, rows[:0]])[:number]


def _whole(number: int, block: int) -> int:
    """In whole blocks, at least one unless there is nothing."""
    return max(1, number // block) * block if number else 0
