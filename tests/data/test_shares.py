"""How often training draws which samples."""

import numpy as np
import pytest

from mtl.data.loading.sampler import EpochSampler, RankBatches
from mtl.data.loading.shares import Shares

GROUPS = np.array([0] * 12 + [1] * 4)


def drawn(shares: Shares, seed: int = 0, block: int = 4) -> np.ndarray:
    return shares.order(np.random.default_rng(seed), block)


@pytest.mark.parametrize(
    ("shares", "quotas"),
    [
        ([12, 4], [12, 4]),  # by size
        ([1, 1], [8, 8]),
        ([12**0.5, 4**0.5], [10, 6]),  # 3.46 : 2, so 10.14 and 5.86 of 16
        ([0, 2], [0, 16]),
        ([1, 2], [5, 11]),  # 5.33 and 10.67: the larger rest is rounded up
    ],
)
def test_quotas_are_the_shares_of_as_many_samples(shares: list[float], quotas: list[int]) -> None:
    assert Shares(GROUPS, shares).quotas() == quotas


def test_a_small_group_is_gone_through_again_before_any_sample_comes_a_third_time() -> None:
    order = drawn(Shares(GROUPS, [1, 1]))
    assert len(order) == 16
    samples = order % 16
    assert np.bincount(samples, minlength=16)[12:].tolist() == [2, 2, 2, 2]
    assert np.bincount(samples, minlength=16)[:12].max() == 1
    # Each time with a number of its own, so with other random steps.
    assert len(set(order.tolist())) == 16


def test_epochs_show_other_parts_of_a_group_that_is_too_large() -> None:
    seen = set()
    for epoch in range(30):
        order = drawn(Shares(GROUPS, [1, 3]), seed=epoch)
        assert (order % 16 < 12).sum() == 4
        seen |= set((order % 16).tolist())
    assert seen == set(range(16))


def test_batches_of_one_set_each() -> None:
    shares = Shares(GROUPS, [12, 4], apart=True)
    blocks = drawn(shares, block=3).reshape(-1, 3) % 16
    assert len(blocks) == 5  # four of twelve samples, one of the three that fit of four
    assert {len(set(GROUPS[block].tolist())) for block in blocks} == {1}
    # A set that has no whole block gets one.
    small = drawn(shares, block=8).reshape(-1, 8)
    assert sorted(GROUPS[block % 16][0] for block in small) == [0, 1]


@pytest.mark.parametrize("apart", [False, True])
def test_ranks_share_an_epoch_and_a_step_is_of_one_set(apart: bool) -> None:
    shares, ranks, size = Shares(GROUPS, [1, 1], apart), 2, 2
    samplers = [
        EpochSampler(
            16, 3, shuffle=True, rank=r, ranks=ranks, draw=lambda rng: shares.order(rng, 4)
        )
        for r in range(ranks)
    ]
    batches = [list(RankBatches(sampler, size, drop_last=True)) for sampler in samplers]
    assert [len(each) for each in batches] == [4, 4]
    places = [[key[1] % 16 for key in batch] for each in batches for batch in each]
    assert sum(len(place) for place in places) == 16
    if apart:
        for step in range(4):
            of_step = [GROUPS[key[1] % 16] for each in batches for key in each[step]]
            assert len(set(of_step)) == 1


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    shares = Shares(GROUPS, [1, 1])

    def keys(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(16, seed, shuffle=True, draw=lambda rng: shares.order(rng, 4))
        sampler.set_epoch(epoch)
        return list(sampler)

    assert keys(1, 5) == keys(1, 5)
    assert keys(1, 5) != keys(1, 6)
    assert keys(1, 5) != keys(2, 5)
