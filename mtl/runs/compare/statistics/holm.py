"""Many tests at once: chance must not be given many tries."""

from collections.abc import Sequence


def holm(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Holm's step-down correction (Holm, 1979).

    The k-th smallest of m p-values is multiplied by m - k + 1, and made no smaller than those
    before it. The chance of any false alarm among all of them then stays below the level, however
    they depend on each other.

    Args:
        values: p-values of one family.

    Returns:
        The adjusted ones, at most 1, and each one's factor, in the order given.
    """
    adjusted = [0.0] * len(values)
    factors = [1] * len(values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        factors[place] = len(values) - rank
        largest = max(largest, min(1.0, factors[place] * values[place]))
        adjusted[place] = largest
    return adjusted, factors
