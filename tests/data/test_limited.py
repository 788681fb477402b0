"""``data.limit``: which samples are chosen."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.limited import Limited, chosen, limited


class Named(Source):
    """Ids without anything else."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def id(self, index: int) -> str:
        return f"s{index}"

    def read(self, index: int, size: int | None = None) -> Sample:
        return Sample(np.full((2, 2, 3), index, np.uint8), self.id(index))


@pytest.mark.parametrize("sizes", [(50, 50), (90, 10), (1, 99), (34, 33, 33), (1, 1, 98)])
@pytest.mark.parametrize("count", [3, 10, 40])
def test_every_label_is_there_and_then_has_its_share(sizes: tuple[int, ...], count: int) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    found = Counter(labels[row] for row in chosen(len(labels), count, labels))
    assert set(found) == set(range(len(sizes)))
    for label, size in enumerate(sizes):
        assert abs(found[label] - count * size / 100) <= len(sizes)


def test_fewer_than_there_are_labels_takes_each_once() -> None:
    labels = [number // 10 for number in range(100)]
    assert max(Counter(labels[row] for row in chosen(100, 7, labels)).values()) == 1


@pytest.mark.parametrize("strata", [None, [number % 3 for number in range(50)]])
def test_a_larger_limit_chooses_the_same_and_more(strata: list[int] | None) -> None:
    choices = [chosen(50, count, strata) for count in range(51)]
    for smaller, larger in pairwise(choices):
        assert set(smaller) < set(larger)
        assert larger == sorted(larger)
    assert choices[10] == chosen(50, 10, strata)
    assert choices[10] != list(range(10))


def test_arrays_stay_arrays_with_rows_that_belong_together() -> None:
    images = np.arange(8, dtype=np.uint8).repeat(12).reshape(8, 2, 2, 3)
    boxes = [Boxes.empty() if i % 2 else None for i in range(8)]
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    columns = {"label": labels, "boxes": boxes}
    meaning = {kind: Target(kind, ("a", "b")) for kind in columns}
    source = ArraySource(images, [f"s{i}" for i in range(8)], columns, meaning)
    some = limited(source, 4)
    assert isinstance(some, ArraySource)
    rows = [int(name[1:]) for name in some.ids]
    assert some.images[:, 0, 0, 0].tolist() == rows
    assert some.targets["label"].tolist() == labels[rows].tolist()  # type: ignore[union-attr]
    assert [value is None for value in some.targets["boxes"]] == [i % 2 == 0 for i in rows]
    assert limited(source, 8) is source


def test_other_sources_are_read_by_the_chosen_rows() -> None:
    some = limited(Named(20), 5)
    assert isinstance(some, Limited)
    rows = chosen(20, 5, None)
    assert [some.id(i) for i in range(len(some))] == [f"s{row}" for row in rows]
    assert [int(some.read(i).image[0, 0, 0]) for i in range(5)] == rows
