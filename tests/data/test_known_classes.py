"""Classes go by their names where a trained network meets other data."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mtl.data.sample import IGNORE_LABEL, IGNORE_PIXEL, Boxes, Sample, Target
from mtl.data.sources.base import ArraySource, DataSet, Source, Split
from mtl.data.sources.known_classes import Classes, KnownClasses
from mtl.errors import UserError

DATA, KNOWN = ("b", "c", "d"), ("c", "a", "b")
VALUES = {
    "label": [1, 2],
    "labels": [np.array([1, 0, 1], np.int8), np.array([0, IGNORE_LABEL, 1], np.int8)],
    "boxes": [
        Boxes(
            np.array([[0, 0, 4, 4], [1, 1, 5, 5]], np.float32), np.array([2, 0]), np.zeros(2, bool)
        ),
        Boxes.empty(),
    ],
    "mask": [np.array([[0, 1], [2, 255]], np.uint8), np.array([[3, 3], [0, 1]], np.uint8)],
}  # fmt: skip
"""Two samples in the data's numbers; a mask's 0 is the background."""


class Listed(Source):
    """The two samples, one by one."""

    def __len__(self) -> int:
        return 2

    def id(self, index: int) -> str:
        return f"s{index}"

    def read(self, index: int, size: int | None = None) -> Sample:
        return Sample(
            np.zeros((2, 2, 3), np.uint8), self.id(index), {n: v[index] for n, v in VALUES.items()}
        )


class Two(DataSet):
    """Those samples, in memory or not."""

    def __init__(self, in_memory: bool) -> None:
        self.in_memory = in_memory

    @property
    def targets(self) -> Mapping[str, Target]:
        return targets(DATA)

    def split(self, split: Split) -> Source:
        if not self.in_memory:
            return Listed()
        columns = {n: v if n == "boxes" else np.array(v) for n, v in VALUES.items()}
        return ArraySource(np.zeros((2, 2, 2, 3), np.uint8), ["s0", "s1"], columns, self.targets)


def targets(classes: tuple[str, ...]) -> dict[str, Target]:
    kinds = ("label", "labels", "boxes")
    return {
        **{kind: Target(kind, classes) for kind in kinds},
        "mask": Target("mask", ("ground", *classes)),
    }


@pytest.mark.parametrize("in_memory", [False, True])
def test_every_kind_is_renumbered_by_name(in_memory: bool) -> None:
    data = KnownClasses(Two(in_memory), targets(KNOWN))
    assert data.targets == targets(KNOWN)
    source = data.split("test")
    assert source is not None
    first, second = source.read(0).targets, source.read(1).targets
    assert first["label"] == 0
    assert "label" not in second
    assert first["labels"].tolist() == [0, IGNORE_LABEL, 1]  # type: ignore[union-attr]
    assert second["labels"].tolist() == [IGNORE_LABEL, IGNORE_LABEL, 0]  # type: ignore[union-attr]
    assert isinstance(first["boxes"], Boxes)
    assert first["boxes"].labels.tolist() == [2]
    assert first["boxes"].xyxy.tolist() == [[1, 1, 5, 5]]
    assert len(second["boxes"]) == 0  # type: ignore[arg-type]
    # Nobody has looked for a.
    assert first["boxes"].looked_for.tolist() == [True, False, True]  # type: ignore[union-attr]
    assert first["mask"].tolist() == [[0, 3], [1, IGNORE_PIXEL]]  # type: ignore[union-attr]
    assert second["mask"].tolist() == [[IGNORE_PIXEL] * 2, [0, 3]]  # type: ignore[union-attr]
    assert dict(source.annotations(0)).keys() == first.keys()


def test_an_image_in_which_nothing_known_was_looked_for_lacks_the_target() -> None:
    classes = Classes(Target("boxes", DATA), Target("boxes", KNOWN))
    only_d = replace(Boxes.empty(), looked_for=np.array([False, False, True]))
    assert classes.value(only_d) is None
    b_and_d = classes.value(replace(only_d, looked_for=np.array([True, False, True])))
    assert b_and_d.looked_for.tolist() == [False, False, True]


def test_what_only_one_side_knows_is_said_with_both_lists() -> None:
    notes = KnownClasses(Two(False), {"label": Target("label", KNOWN)}).notes()
    assert notes == [
        "label: evaluated on c, b, the classes in common; the data has b, c, d, the run knows "
        "c, a, b"
    ]


def test_the_same_classes_in_another_order_need_no_word() -> None:
    data = KnownClasses(Two(False), {"label": Target("label", ("d", "b", "c"))})
    assert data.notes() == []
    assert data.split("test").read(0).targets["label"] == 2  # type: ignore[union-attr]


def test_the_same_classes_change_nothing() -> None:
    data_set = Two(True)
    data = KnownClasses(data_set, targets(DATA))
    assert (data.classes, data.notes()) == ({}, [])


@pytest.mark.parametrize("kind", ["label", "labels", "boxes", "mask"])
def test_no_class_in_common_is_refused_with_both_lists(kind: str) -> None:
    names = ("ground", "x", "y") if kind == "mask" else ("x", "y")
    with pytest.raises(UserError, match=rf"the data's {kind} has none .*b, c, d; .* x, y"):
        KnownClasses(Two(False), {kind: Target(kind, names)})  # type: ignore[arg-type]
