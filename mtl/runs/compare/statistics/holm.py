"""Many tests at once: chance must not be given many tries."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtl.runs.compare.statistics.mean import LEVEL


@dataclass(frozen=True)
class Corrected:
    """One p-value among several.

    Args:
        p: the adjusted one, at most 1.
        factor: what it was multiplied by, before it was made no smaller than others.
        level: what the raw p has to be below for the adjusted one to be below ``LEVEL``.
    """

    p: float
    factor: int
    level: float


def holm(values: Sequence[float]) -> list[Corrected]:
    """Holm's step-down correction (Holm, 1979).

    The k-th smallest of m p-values is multiplied by m - k + 1, and made no smaller than those
    before it. The chance of any false alarm among all of them then stays below the level, however
    they depend on each other.

    Args:
        values: p-values of one family.

    Returns:
        In the order given.
    """
    found: dict[int, Corrected] = {}
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        own, factor = values[place], len(values) - rank
        largest = max(largest, factor * own)
        level = LEVEL * own / largest if own else LEVEL / factor
        found[place] = Corrected(min(1.0, largest), factor, level)
    return [found[place] for place in range(len(values))]
