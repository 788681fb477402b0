"""Tests of combinations: ``@pytest.mark.matrix(encoder=[...], fusion=[...])``.

``make test`` runs a sample of the product of the axes in which every pair of values of two axes
occurs; ``--all-combinations`` (``make test-all``) runs the product. Two axes are their own sample.
Several marks on one test add up: a matrix with one value an axis keeps a combination in the sample.
"""

from collections.abc import Mapping, Sequence
from itertools import product

from allpairspy import AllPairs

Axes = Mapping[str, Sequence[str]]


def covering(matrices: Sequence[Axes], whole: bool) -> list[tuple[str, ...]]:
    """The combinations of some matrices over the same axes, each of them once.

    Args:
        matrices: the values by the name of the axis.
        whole: all of each product, or the sample.

    Raises:
        ValueError: their axes differ.
    """
    names = list(matrices[0])
    if any(axes.keys() != matrices[0].keys() for axes in matrices):
        raise ValueError("matrices of one test have the same axes")
    chosen: dict[tuple[str, ...], None] = {}
    for axes in matrices:
        values = [list(axes[name]) for name in names]
        found = product(*values) if whole or len(values) < 3 else AllPairs(values)
        chosen |= dict.fromkeys(map(tuple, found))
    return list(chosen)
