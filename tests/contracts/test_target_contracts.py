"""What every kind of target has to do; a user's own among them."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_kinds_kit import Depth, Flow, Numbers, Smooth

from mtl.config.kinds import KINDS
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Labelled
from mtl.data.inspection.tally import Tally
from mtl.data.instances import Instances
from mtl.data.loading.cache_columns import Columns, ColumnWriter, save_index
from mtl.data.masks import Masks
from mtl.data.poses import Poses
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Boxes, Target
from mtl.data.target.base import TargetKind
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.pixel_map import PixelMap
from mtl.data.target.registry import kind_of
from mtl.data.tile import tiles_of
from mtl.errors import UserError

SIDE = 8
RNG = np.random.default_rng(0)
CLASSES = ("a", "b", "c")


def depth(nan: bool) -> np.ndarray:
    values = RNG.uniform(0.1, 9, (SIDE, SIDE)).astype(np.float32)
    values[0, 0] = 3.7
    values[3, 5] = np.nan if nan else 1
    return values


def boxes(*xyxy: tuple[float, ...]) -> Boxes:
    rows = np.array(xyxy, np.float32).reshape(-1, 4)
    return Boxes(rows, np.arange(len(rows)) % 3, np.arange(len(rows)) == 1)


class Colors(PixelMap):
    """Three numbers for each pixel."""


def unit_vectors() -> np.ndarray:
    values = RNG.normal(size=(SIDE, SIDE, 3))
    values /= np.linalg.norm(values, axis=-1, keepdims=True)
    values[3, 5] = np.nan
    return values.astype(np.float32)


def instances(*masks: np.ndarray) -> Instances:
    padded = [np.pad(mask, ((0, 0), (0, SIDE - mask.shape[1]))) for mask in masks]
    found = Masks.of(padded, (SIDE, SIDE))
    return Instances.of(boxes(*found.xyxy.tolist()), found)


EXAMPLES: dict[TargetKind, tuple[Any, Any]] = {
    kind_of("label"): (2, 0),
    kind_of("labels"): (np.array([1, 0, -1], np.int8), np.array([0, 0, 1], np.int8)),
    kind_of("boxes"): (
        boxes((1, 0, 4, 2.5), (2, 3, 7, 8)),
        replace(boxes(), looked_for=np.array([True, False, True])),
    ),
    kind_of("instances"): (
        instances(np.eye(SIDE, 5, dtype=bool), np.arange(SIDE**2).reshape(SIDE, SIDE) % 7 > 3),
        replace(instances(), looked_for=np.array([True, False, True])),
    ),
    kind_of("keypoints"): (
        np.array(
            [[(1, 2.5, 2), (0, 0, 0), (8, 8, 1)], [(0, 0, 0), (0, 0, 0), (0, 0.5, 2)]], np.float32
        ),
        np.zeros((0, 3, 3), np.float32),
    ),
    kind_of("poses"): (
        Poses.of(
            boxes((1, 0, 4, 2.5), (2, 3, 7, 8)),
            np.array(
                [[(1, 2.5, 2), (0, 0, 0), (8, 8, 1)], [(0, 0, 0), (0, 0, 0), (0, 0.5, 2)]],
                np.float32,
            ),
        ),
        replace(
            Poses.of(boxes(), np.zeros((0, 3, 3), np.float32)),
            looked_for=np.array([True, False, True]),
        ),
    ),
    kind_of("mask"): (
        RNG.integers(0, 3, (SIDE, SIDE), np.uint8),
        np.where(np.eye(SIDE), 255, 1).astype(np.uint8),
    ),
    kind_of("numbers"): (
        np.array([3.7, np.nan, -1e-9], np.float32),
        np.array([0, 1, 2], np.float32),
    ),
    kind_of("depth"): (depth(nan=True), depth(nan=False)),
    kind_of("normals"): (unit_vectors(), np.full((SIDE, SIDE, 3), (0, 0, 1), np.float32)),
    Flow(): (unit_vectors()[..., :2], np.full((SIDE, SIDE, 2), -0.5, np.float32)),
    Depth(): (depth(nan=True), depth(nan=False)),
    Smooth(): (depth(nan=True), depth(nan=False)),
    Colors(): (
        RNG.normal(size=(SIDE, SIDE, 3)).astype(np.float32),
        np.full((SIDE, SIDE, 3), 0.6, np.float32),
    ),
    Numbers(): (np.array([3.7, np.nan, -1e-9], np.float32), np.array([0, 1, 2], np.float32)),
}
"""Two values of each kind; a new kind adds its own."""
EVERY = pytest.mark.parametrize("kind", EXAMPLES, ids=str)
PLACED = pytest.mark.parametrize("kind", [k for k in EXAMPLES if k.placed], ids=str)


def same(kind: TargetKind, one: Any, other: Any) -> None:
    """To the bit, and of one type."""
    assert type(one) is type(other)
    first, second = kind.pack(one), kind.pack(other)
    assert first.keys() == second.keys()
    for part, array in first.items():
        assert array.dtype == second[part].dtype
        np.testing.assert_array_equal(array, second[part])


def motion(*flips: bool) -> Motion:
    matrix = torch.eye(2, 3, dtype=torch.float64)
    for row, flip in enumerate(flips):
        if flip:
            matrix[row] *= -1
            matrix[row, 2] += SIDE
    spec = Augmentation(min_visibility=0)
    return Motion(matrix[None], (SIDE, SIDE), spec, torch.tensor([flips]), warps=False)


def batched(kind: TargetKind, value: Any) -> Labelled:
    return Labelled(torch.tensor([0]), kind.collate([value]))


def test_every_registered_kind_has_an_example() -> None:
    assert {kind_of(name) for name in KINDS} <= set(EXAMPLES)


@EVERY
def test_a_kind_is_found_by_its_name_and_equals_itself(kind: TargetKind) -> None:
    assert kind_of(kind.name) == kind == kind_of(type(kind)) == pickle.loads(pickle.dumps(kind))
    assert Target(kind.name, CLASSES) == Target(kind, CLASSES)
    assert [other for other in EXAMPLES if other == kind] == [kind]


@EVERY
def test_a_column_knows_who_lacks_the_target(kind: TargetKind) -> None:
    one, two = EXAMPLES[kind]
    column = kind.as_column(kind.column([one, None, two]))
    assert kind.has(column).tolist() == [True, False, True]
    assert kind.value_at(column, 1) is None
    same(kind, kind.value_at(column, 0), one)
    same(kind, kind.value_at(column, 2), two)
    assert not kind.has(kind.column([None, None])).any()
    cut = kind.cut(kind.take(column, [2, 0]))
    for place, value in enumerate((two, one)):
        same(kind, kind.separate(cut, place), value)


@EVERY
def test_collating_and_separating_changes_nothing(kind: TargetKind) -> None:
    values = EXAMPLES[kind]
    together = kind.collate(values)
    assert len(together) == 2
    for place, value in enumerate(values):
        same(kind, kind.separate(together, place), value)
        same(kind, kind.exact(value), value)


@EVERY
def test_the_cache_gives_back_what_it_got(kind: TargetKind, tmp_path: Path) -> None:
    targets = {"x": Target(kind, CLASSES), "x.y": Target(kind, CLASSES)}
    one, two = EXAMPLES[kind]
    rows = [{"x": one}, {}, {"x": two, "x.y": one}, {"x.y": two}]
    with ColumnWriter(tmp_path, targets) as writer:
        for row, values in enumerate(rows):
            writer.add(row, values)
    save_index(tmp_path, writer.index)
    found = Columns(tmp_path, targets)
    for row, values in enumerate(rows):
        assert found[row].keys() == values.keys()
        for name, value in values.items():
            same(kind, found[row][name], value)


@EVERY
def test_a_picture_of_the_same_size_changes_nothing(kind: TargetKind) -> None:
    frame = Frame(SIDE, SIDE, 1, 1)
    for value in EXAMPLES[kind]:
        same(kind, kind.resized(value, frame, SIDE), value)
        same(kind, kind.to_original(value, frame), value)


@EVERY
@pytest.mark.parametrize("flips", [(True, False), (False, True), (True, True)])
def test_a_mirror_twice_changes_nothing_and_both_engines_agree(
    kind: TargetKind, flips: tuple[bool, bool]
) -> None:
    for value in EXAMPLES[kind]:
        once = kind.moved_alone(value, motion(*flips))
        same(kind, kind.separate(kind.moved(batched(kind, value), motion(*flips)).value, 0), once)
        same(kind, kind.moved_alone(once, motion(*flips)), value)


@PLACED
def test_a_mirror_moves_what_has_a_place(kind: TargetKind) -> None:
    value = EXAMPLES[kind][0]
    with pytest.raises(AssertionError):
        same(kind, kind.moved_alone(value, motion(True, False)), value)


@EVERY
def test_four_quarter_turns_change_nothing_and_both_engines_agree(kind: TargetKind) -> None:
    for value in EXAMPLES[kind]:
        alone, together = value, batched(kind, value)
        for _ in range(4):
            turn = Turn.alone(1, (SIDE, SIDE))
            alone, together = kind.turned_alone(alone, turn), kind.turned(together, turn)
            same(kind, kind.separate(together.value, 0), alone)
        same(kind, alone, value)
        three = kind.turned_alone(value, Turn.alone(3, (SIDE, SIDE)))
        same(kind, kind.turned_alone(three, Turn.alone(1, (SIDE, SIDE))), value)


@EVERY
def test_pictures_that_are_not_chosen_stay(kind: TargetKind) -> None:
    value = EXAMPLES[kind][0]
    labelled = Labelled(torch.tensor([0, 2]), kind.collate([value, value]))
    chosen = torch.tensor([False, True, True])
    turned = kind.turned(labelled, Turn(1, (SIDE, SIDE), chosen, chosen)).value
    same(kind, kind.separate(turned, 0), value)
    same(kind, kind.separate(turned, 1), kind.turned_alone(value, Turn.alone(1, (SIDE, SIDE))))


@EVERY
def test_what_albumentations_left_alone_comes_back(kind: TargetKind) -> None:
    for value in EXAMPLES[kind]:
        parts = kind.parts(value)
        parts.outside = np.zeros((SIDE, SIDE), np.bool_)
        back = kind.from_parts(value, parts)
        for part, array in kind.pack(value).items():
            np.testing.assert_array_equal(kind.pack(back)[part], array)


@EVERY
def test_it_is_counted_drawn_and_captioned(kind: TargetKind) -> None:
    target = Target(kind, CLASSES)
    tally = Tally(target)
    canvas = np.full((SIDE * 4, SIDE * 4, 3), 99, np.uint8)
    for value in EXAMPLES[kind]:
        tally.add(value)
        drawn = kind.draw(canvas, value, target, 4)
        assert (drawn.shape, drawn.dtype) == (canvas.shape, np.uint8)
        assert (kind.caption(value, target) is None) == kind.placed
    assert (canvas == 99).all()
    assert tally.samples == 2
    assert tally.counts.any() or tally.series
    assert (kind.draw(canvas, EXAMPLES[kind][0], target, 4) != canvas).any() == kind.placed


@EVERY
def test_the_same_classes_are_the_same_values(kind: TargetKind) -> None:
    for value in EXAMPLES[kind]:
        same(kind, kind.renumbered(value, np.arange(3), Target(kind, CLASSES)), value)


@EVERY
def test_tiles_are_put_together_or_refused(kind: TargetKind) -> None:
    """Pixels come from where they are seen best."""
    value, _ = EXAMPLES[kind]
    tiles = tiles_of(SIDE, SIDE, SIDE - 3, 0.4)
    if not kind.joins_tiles:
        with pytest.raises(UserError, match=f"kind {kind} on tiles can't be put together"):
            kind.from_tiles([value] * len(tiles), tiles)
        return
    parts = [value[t.outer[1] : t.outer[3], t.outer[0] : t.outer[2]].copy() for t in tiles]
    same(kind, kind.from_tiles(parts, tiles), value)
    assert isinstance(kind, PixelMap)
