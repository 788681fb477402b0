"""Which tasks should share a network."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Groups = tuple[tuple[int, ...], ...]
"""A partition of the tasks, by their places."""

SURE = 2.0
"""Standard errors by which a proposal has to be better."""
MOST_TRIED = 8
"""Up to so many tasks every partition is looked at (4,140 of them)."""


def score(matrix: npt.NDArray[np.float64], groups: Groups) -> float:
    """Mean over tasks of the mean affinity onto it from the others of its group.

    A task by itself gets 0, as nothing helps or harms it; so does a pair that was never measured.

    Args:
        matrix: (T, T), of the row's task on the column's.
        groups: a partition.
    """
    known = np.nan_to_num(matrix)
    total = sum(
        float(np.mean([known[source, target] for source in group if source != target]))
        for group in groups
        if len(group) > 1
        for target in group
    )
    return total / len(matrix)


def score_error(errors: npt.NDArray[np.float64], groups: Groups) -> float:
    """Standard error of ``score``, the affinities taken as independent.

    Args:
        errors: (T, T), of the affinities.
        groups: a partition.
    """
    known = np.nan_to_num(errors)
    squares = sum(
        float((known[source, target] / (len(group) - 1)) ** 2)
        for group in groups
        for source in group
        for target in group
        if source != target
    )
    return float(squares**0.5) / len(errors)


def best_groups(matrix: npt.NDArray[np.float64]) -> dict[int, Groups]:
    """The best partition into each number of groups.

    Args:
        matrix: as for ``score``. With more than ``MOST_TRIED`` tasks groups are merged one by one,
            the best pair first, which need not find the best.
    """
    count = len(matrix)
    candidates = _partitions(tuple(range(count))) if count <= MOST_TRIED else _merged(matrix, count)
    found: dict[int, tuple[float, Groups]] = {}
    for groups in candidates:
        value = score(matrix, groups)
        if len(groups) not in found or value > found[len(groups)][0]:
            found[len(groups)] = value, groups
    return {number: found[number][1] for number in sorted(found)}


def proposed(matrix: npt.NDArray[np.float64]) -> Groups:
    """The best partition of all; of equally good ones that with the fewest groups."""
    return max(best_groups(matrix).values(), key=lambda groups: score(matrix, groups))


def settled(
    matrix: npt.NDArray[np.float64], errors: npt.NDArray[np.float64], groups: Groups
) -> bool:
    """Whether a grouping is better than one network for all, and than one for each, beyond chance.

    Args:
        matrix: as for ``score``.
        errors: (T, T), standard errors of the affinities, taken as independent; NaN where unknown.
        groups: the best partition.
    """
    together: Groups = (tuple(range(len(matrix))),)
    apart: Groups = tuple((task,) for task in range(len(matrix)))
    own = _shares(groups, len(matrix))
    for other in (together, apart):
        difference = own - _shares(other, len(matrix))
        if not difference.any():
            continue
        parts = difference != 0
        gain = float((difference * np.nan_to_num(matrix)).sum())
        error = float(((difference[parts] * errors[parts]) ** 2).sum() ** 0.5)
        if not gain > SURE * error:
            return False
    return True


def _shares(groups: Groups, count: int) -> npt.NDArray[np.float64]:
    """(T, T): how much each affinity counts in a grouping's score."""
    found = np.zeros((count, count))
    for group in groups:
        for source in group:
            for target in group:
                if source != target:
                    found[source, target] = 1 / ((len(group) - 1) * count)
    return found


def _partitions(items: tuple[int, ...]) -> Iterator[Groups]:
    if not items:
        yield ()
        return
    first, rest = items[0], items[1:]
    for groups in _partitions(rest):
        yield ((first,), *groups)
        for place, group in enumerate(groups):
            yield ((first, *group), *groups[:place], *groups[place + 1 :])


def _merged(matrix: npt.NDArray[np.float64], count: int) -> Iterator[Groups]:
    groups: Groups = tuple((item,) for item in range(count))
    yield groups
    while len(groups) > 1:
        groups = max(_one_fewer(groups), key=lambda merged: score(matrix, merged))
        yield groups


def _one_fewer(groups: Sequence[tuple[int, ...]]) -> Iterator[Groups]:
    for i, one in enumerate(groups):
        for j in range(i + 1, len(groups)):
            rest = (group for k, group in enumerate(groups) if k not in (i, j))
            yield (tuple(sorted((*one, *groups[j]))), *rest)
