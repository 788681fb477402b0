"""Statistics against numbers worked out by hand or printed in tables."""

import math

import numpy as np
import pytest

from mtl.runs.compare.statistics.bootstrap import over_images
from mtl.runs.compare.statistics.holm import holm
from mtl.runs.compare.statistics.mcnemar import mcnemar
from mtl.runs.compare.statistics.mean import mean_interval
from mtl.runs.compare.statistics.paired import difference_interval, effect_size, p_value
from mtl.runs.compare.statistics.power import pairs_needed, power


def test_interval_of_a_mean():
    """Mean 2, s = 1, t(2) = 4.3027 at 97.5 %."""
    low, high = mean_interval([1, 2, 3])
    assert (low + high) / 2 == pytest.approx(2)
    assert (high - low) / 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert mean_interval([1.0]) is None


def test_paired_t():
    """With two degrees of freedom p = 1 - t / sqrt(t^2 + 2), here with t = 2 sqrt(3)."""
    t = 2 * math.sqrt(3)
    assert p_value([1, 2, 3], "t") == pytest.approx(1 - t / math.sqrt(t**2 + 2))
    assert effect_size([1, 2, 3]) == pytest.approx(2)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3], 2 / 8),
        # Of 32 sign assignments, those that flip nothing, or one of the ones; and as many below.
        ([1, 2, 3, 4, -1], 6 / 32),
        ([0.1, -0.1, 0], 1.0),
        ([1, 2, 3, 4, 5, 6], 2 / 64),
        ([0, 0, 0], 1.0),
    ],
)
def test_sign_flips_are_counted(differences, p):
    assert p_value(differences, "exact") == pytest.approx(p)


def test_many_pairs_are_flipped_at_random_and_repeatably():
    differences = [1.0] * 14 + [-1.0] * 6
    found = p_value(differences, "exact")
    # Exactly: twice the chance of 14 or more heads among 20 coins.
    exact = 2 * sum(math.comb(20, k) for k in range(14, 21)) / 2**20
    assert found == pytest.approx(exact, abs=0.02)
    assert found == p_value(differences, "exact")


def test_differences_without_spread():
    """A t statistic would be infinite after two seeds of a coarse metric."""
    assert p_value([0.1, 0.1, 0.1], "t") == pytest.approx(2 / 8)
    assert effect_size([0.1, 0.1, 0.1]) == math.inf
    assert effect_size([-0.1, -0.1, -0.1 - 1e-9]) == -math.inf
    assert p_value([0.0, 0.0, 0.0], "t") == 1.0
    assert effect_size([0.0, 0.0, 0.0]) == 0


def test_two_pairs_are_not_tested():
    assert p_value([0.5, 0.6], "t") is None
    assert effect_size([0.5, 0.6]) is None


def test_holm():
    """Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, and none below the one before."""
    found = holm([0.01, 0.04, 0.03, 0.005])
    assert [each.p for each in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [each.factor for each in found] == [3, 1, 2, 4]
    # What the raw p has to be below; the largest is held up by the one before it.
    levels = [0.05 / 3, 0.05 * 0.04 / 0.06, 0.05 / 2, 0.05 / 4]
    assert [each.level for each in found] == pytest.approx(levels)
    assert [each.p for each in holm([0.9, 0.8])] == [1.0, 1.0]
    assert holm([0.0])[0].level == 0.05
    assert holm([]) == []


@pytest.mark.parametrize(("effect", "pairs"), [(0.3, 90), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_pairs_for_80_percent_power_are_those_of_the_tables(effect, pairs):
    """G*Power: difference between two dependent means, two-sided, 0.05."""
    assert pairs_needed(effect) == pairs
    assert power(effect, pairs) >= 0.8 > power(effect, pairs - 1)
    assert pairs_needed(-effect) == pairs


def test_pairs_at_the_ends():
    assert pairs_needed(0.0) is None
    assert pairs_needed(0.01) is None
    # The tables have 199.
    assert pairs_needed(0.2) is None
    assert pairs_needed(math.inf) == 2
    assert pairs_needed(100.0) == 2
    # Five pairs can give 2 / 32 at best, six 2 / 64.
    assert pairs_needed(math.inf, test="exact") == 6
    assert pairs_needed(math.inf, 0.01, "exact") == 8


def test_mcnemar():
    """Ten against two: twice the chance of at most two heads among twelve coins."""
    first = np.array([True] * 10 + [False] * 2 + [True] * 30 + [False] * 8)
    second = np.array([False] * 10 + [True] * 2 + [True] * 30 + [False] * 8)
    only_first, only_second, p = mcnemar(first, second)
    assert (only_first, only_second) == (10, 2)
    assert p == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_bootstrap_over_images():
    """Half of 100 right: a standard error of 0.05."""
    right = np.repeat([0.0, 1.0], 50)

    def score(rows):
        return float(right[rows].mean())

    low, high = over_images([score], 100, 500)
    assert low == pytest.approx(0.4, abs=0.02)
    assert high == pytest.approx(0.6, abs=0.02)
    assert over_images([score], 100, 500) == (low, high)
    # Two networks that fail on each other's images: their mean is the same in every draw.
    assert over_images([score, lambda rows: 1 - score(rows)], 100, 50) == pytest.approx((0.5, 0.5))
    assert over_images([lambda rows: math.nan], 100, 50) is None
    assert over_images([], 100, 50) is None
    assert over_images([score], 100, 0) is None


def test_interval_between_means_of_subsets():
    """Of 1, 2, 4: the seven means are 1, 1.5, 2, 7/3, 2.5, 3, 4; each gap has an eighth."""
    assert difference_interval([1, 2, 4], "exact", 0.5) == (1, 4)
    assert difference_interval([1, 2, 4], "exact", 0.75) == (1.5, 3)
    # Four pairs at 0.05 bound nothing; differences that are one number are tested exactly.
    assert difference_interval([1, 2, 4, 5], "exact", 0.05) is None
    assert difference_interval([0.1, 0.1, 0.1], "t", 0.05) is None
    assert difference_interval([0, 0, 0], "exact", 0.05) == (0, 0)
    assert difference_interval([1, 2], "t", 0.05) is None


@pytest.mark.parametrize("test", ["t", "exact"])
def test_interval_leaves_out_0_just_where_p_is_below_the_level(test):
    random = np.random.default_rng(0)
    for _ in range(60):
        values = random.normal(0.7, 1, random.integers(5, 9)).tolist()
        level = float(random.choice([0.3, 0.1, 0.05, 0.01]))
        found = difference_interval(values, test, level)
        outside = found is not None and not found[0] <= 0 <= found[1]
        assert outside == (p_value(values, test) < level)


def test_interval_of_many_pairs_between_random_subsets():
    values = np.random.default_rng(1).normal(1, 1, 30)
    low, high = difference_interval(values.tolist(), "exact", 0.05)
    around = mean_interval(values.tolist())
    assert (low, high) == pytest.approx(around, abs=0.1)
