"""Rows against the reference: paired differences, tested together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf

import numpy as np

from mtl.runs.compare.comparison import ComparedMetric, Difference, McNemar, Test, Verdict
from mtl.runs.compare.groups import Point, Unit, per_unit
from mtl.runs.compare.statistics.holm import Corrected, holm
from mtl.runs.compare.statistics.mean import LEVEL
from mtl.runs.compare.statistics.paired import difference_interval, effect_size, p_value
from mtl.runs.compare.statistics.power import pairs_needed

WORTH_NAMING = 0.0005
"""Smallest difference that is told apart from none, as a share of the reference's value.

Of changes, which are shares themselves, it is the difference itself: what +0.1 % is rounded from.
"""
Key = tuple[int, str]
"""A row's place and a metric's name."""


@dataclass(frozen=True)
class Pairs:
    """The numbers of two rows side by side.

    Args:
        metric: which numbers.
        row: at each place of the row.
        reference: at each place of the reference.
        mcnemar: of runs at common places.
    """

    metric: ComparedMetric
    row: Mapping[Point, float]
    reference: Mapping[Point, float]
    mcnemar: tuple[McNemar, ...] = ()


def differences(pairs: Mapping[Key, Pairs], unit: Unit, test: Test) -> dict[Key, Difference]:
    """All rows' differences to the reference, corrected as one family.

    Args:
        pairs: of each row and metric that both have.
        unit: what is paired.
        test: by which p is found.
    """
    values = {key: _paired(pair, unit) for key, pair in pairs.items()}
    tested = {
        key: p
        for key, found in values.items()
        if (p := p_value([*found.values()], test)) is not None
    }
    corrected = dict(zip(tested, holm([*tested.values()]), strict=True))
    return {
        key: _difference(pair, values[key], tested.get(key), corrected.get(key), test)
        for key, pair in pairs.items()
    }


def _paired(pair: Pairs, unit: Unit) -> dict[str, float]:
    common = {p: pair.row[p] - pair.reference[p] for p in pair.row if p in pair.reference}
    return per_unit(common, unit)


def _difference(
    pair: Pairs,
    values: Mapping[str, float],
    p: float | None,
    corrected: Corrected | None,
    test: Test,
) -> Difference:
    numbers = [*values.values()]
    sign = 1 if pair.metric.larger else -1
    mean = float(np.mean(numbers)) if numbers else float("nan")
    effect = effect_size([sign * number for number in numbers])
    verdict: Verdict = "too few"
    more = interval = None
    if corrected is not None and effect is not None:
        interval = difference_interval(numbers, test, corrected.level)
        verdict = "unsettled"
        if _is_same(pair, numbers):
            verdict = "same"
        elif corrected.p < LEVEL:
            verdict = "better" if effect > 0 else "worse"
        elif effect:
            # Without any spread the exact test is the one that was made.
            made = "exact" if isinf(effect) else test
            needed = pairs_needed(effect, LEVEL / corrected.factor, made)
            more = None if needed is None else max(1, needed - len(numbers))
    return Difference(
        values=values,
        missing=_only(pair.reference, pair.row),
        alone=_only(pair.row, pair.reference),
        mean=mean,
        interval=interval,
        effect=effect,
        p=p,
        adjusted=None if corrected is None else corrected.p,
        more=more,
        verdict=verdict,
        mcnemar=pair.mcnemar,
    )


def _is_same(pair: Pairs, numbers: Sequence[float]) -> bool:
    size = 1.0 if pair.metric.percent else abs(float(np.mean([*pair.reference.values()])))
    return all(abs(number) <= WORTH_NAMING * size for number in numbers)


def _only(first: Mapping[Point, float], second: Mapping[Point, float]) -> tuple[str, ...]:
    """Places that only the first has: ``seed 2``, or ``seed 2 of backbone=resnet18``."""
    alone = sorted(first.keys() - second.keys(), key=lambda point: (int(point[1]), point[0]))
    return tuple(f"seed {seed}{f' of {other}' if other else ''}" for other, seed in alone)
