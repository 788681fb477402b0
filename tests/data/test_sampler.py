"""Order of samples: a function of seed and epoch."""

import pytest

from mtl.data.loading.sampler import EpochSampler, RankBatches


def positions(sampler: EpochSampler, epoch: int) -> list[int]:
    sampler.set_epoch(epoch)
    keys = list(sampler)
    assert {key[0] for key in keys} == {epoch}
    return [key[1] for key in keys]


def test_order_depends_on_seed_and_epoch_only() -> None:
    one, two = EpochSampler(50, 3, shuffle=True), EpochSampler(50, 3, shuffle=True)
    first = positions(one, 0)
    second = positions(one, 1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert positions(two, 1) == second
    assert positions(EpochSampler(50, 4, shuffle=True), 0) != first


def test_without_shuffle_positions_come_in_order() -> None:
    assert positions(EpochSampler(5, 0, shuffle=False), 7) == [0, 1, 2, 3, 4]


def test_shuffled_ranks_get_equally_many_and_cover_everything() -> None:
    ranks = [positions(EpochSampler(7, 0, shuffle=True, rank=r, ranks=3), 2) for r in range(3)]
    assert [len(r) for r in ranks] == [3, 3, 3]
    assert set().union(*ranks) == set(range(7))


def test_plain_ranks_share_nothing() -> None:
    ranks = [positions(EpochSampler(7, 0, shuffle=False, rank=r, ranks=3), 0) for r in range(3)]
    assert ranks == [[0, 3, 6], [1, 4], [2, 5]]
    assert [len(EpochSampler(7, 0, shuffle=False, rank=r, ranks=3)) for r in range(3)] == [3, 2, 2]


@pytest.mark.parametrize("length", [23, 24, 25, 31])
def test_steps_of_a_total_are_the_same_however_many_share_them(length: int) -> None:
    """24 samples a step: those of one process are those of all, in each step of each epoch."""

    def steps(batch_size: int, ranks: int) -> list[set[int]]:
        found: list[set[int]] = []
        window = 24 // (batch_size * ranks)
        for rank in range(ranks):
            sampler = EpochSampler(length, 3, shuffle=True, rank=rank, ranks=ranks)
            sampler.set_epoch(2)
            batches = list(RankBatches(sampler, batch_size, True, step=window))
            for number, start in enumerate(range(0, len(batches), window)):
                found += [set()] * (number == len(found))
                members = batches[start : start + window]
                found[number] = found[number].union(*([p for _, p in b] for b in members))  # type: ignore[misc]
        return found

    alone = steps(24, 1)
    assert [len(step) for step in alone] == [24] * (length // 24)
    for batch_size, ranks in ((2, 1), (8, 1), (12, 2), (3, 2), (2, 4), (1, 8)):
        assert steps(batch_size, ranks) == alone
