"""Every object has a point that answers for it, whatever the strides and sizes."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.data.sample import Boxes
from mtl.model.head.fcos_points import Points
from mtl.model.head.fcos_targets import assign, orphans

SIZE = 256
STRIDES = [
    [8, 32],
    [4, 64],
    [16],
    [8, 16, 32],
    [4, 8, 16, 32],
    [2, 6, 10, 30],
    [7, 9],
]


def batch(*images: list[list[float]]) -> BoxBatch:
    """Rows of x1, y1, x2, y2."""
    tables = [np.array(image, np.float32).reshape(-1, 4) for image in images]
    return BoxBatch.collate(
        [Boxes(t, np.zeros(len(t), np.int64), np.zeros(len(t), np.bool_)) for t in tables]
    )


def random_boxes(rng: np.random.Generator, least: float, most: float) -> list[float]:
    side = np.exp(rng.uniform(np.log(least), np.log(most), 2))
    corner = rng.uniform(0, SIZE - side)
    return [*corner, *(corner + side)]


@pytest.mark.parametrize("strides", STRIDES)
def test_levels_share_all_sizes(strides: list[int]) -> None:
    """Every distance from 0 to inf belongs to one level, and to none twice."""
    points = Points(strides, SIZE)
    assert points.bounds[0] == 0
    assert points.bounds[-1] == torch.inf
    assert (points.bounds.diff() > 0).all()
    for number, stride in enumerate(strides):
        low, high = points.reach[points.stride == stride][0]
        assert (low, high) == (points.bounds[number], points.bounds[number + 1])


def test_bounds_of_doubling_strides_are_the_paper_s() -> None:
    assert Points([8, 16, 32], SIZE).bounds.tolist() == [0, 64, 128, torch.inf]
    # 8 · 8 and 4 · 32 part at their geometric mean.
    assert Points([8, 32], SIZE).bounds[1].item() == pytest.approx((64 * 128) ** 0.5)


@pytest.mark.parametrize("strides", STRIDES)
def test_a_lone_object_of_any_size_has_a_point(strides: list[int]) -> None:
    rng = np.random.default_rng(0)
    images = [[random_boxes(rng, 0.3, SIZE)] for _ in range(400)]
    images += [[[0, 0, 140, 140]], [[0, 0, SIZE, SIZE]], [[255.5, 255.5, 256, 256]]]
    boxes = batch(*images)
    assert not orphans(assign(Points(strides, SIZE), boxes), boxes).any()


def claimed(points: Points, box: Tensor) -> set[int]:
    return set(points.around(box).tolist())


@pytest.mark.parametrize("strides", STRIDES[:3])
def test_in_a_crowd_only_smaller_objects_keep_one_from_its_points(strides: list[int]) -> None:
    rng = np.random.default_rng(1)
    images = [[random_boxes(rng, 1, 40) for _ in range(150)] for _ in range(5)]
    points, boxes = Points(strides, SIZE), batch(*images)
    found = assign(points, boxes)
    area = (boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]).prod(dim=2)
    without = orphans(found, boxes)
    for image, which in without.nonzero().tolist():
        around = claimed(points, boxes.xyxy[image, which])
        assert all(found.foreground[image, spot] for spot in around)
        owners = found.object[image, list(around)]
        assert (area[image, owners] <= area[image, which]).all()
    assert without.float().mean() < 0.3


def test_two_in_one_cell() -> None:
    """The smaller takes the nearest point, the other the next; the fifth of five goes without."""
    points = Points([8], 16)
    two = batch([[3, 3, 3.9, 3.9], [3, 3, 3.5, 3.5]])
    found = assign(points, two)
    # Of the centres (4, 4), (12, 4), (4, 12), (12, 12); left of (4, 4) there is no other.
    assert found.foreground.tolist() == [[True, False, False, False]]
    assert found.object[0, 0] == 1
    assert orphans(found, two).tolist() == [[True, False]]
    middle = [[7.8, 7.8, 8.2 + 0.01 * k, 8.2 + 0.01 * k] for k in range(5)]
    five = batch(middle)
    found = assign(points, five)
    assert found.foreground.all()
    assert sorted(found.object[0].tolist()) == [0, 1, 2, 3]
    assert orphans(found, five).tolist() == [[False] * 4 + [True]]


def test_equal_objects_do_not_wait_for_each_other() -> None:
    points, same = Points([8], 16), batch([[1, 1, 2, 2]] * 3)
    found = assign(points, same)
    assert found.object[0, 0] == 0
    assert orphans(found, same).tolist() == [[False, True, True]]


def test_who_loses_its_only_point_takes_another() -> None:
    """The large one has just the point (4, 4), which the small one needs."""
    points = Points([8], 16)
    large, small = [3, 3, 9, 9], [3, 1, 3.5, 1.5]
    found = assign(points, batch([large, small]))
    assert found.foreground.sum() == 2
    assert found.object[0, 0] == 1
    both = batch([large, small])
    assert not orphans(assign(points, both), both).any()


def test_difficult_and_empty_objects_ask_for_nothing() -> None:
    points = Points([8], 16)
    boxes = BoxBatch(
        torch.tensor([[[1.0, 1, 2, 2], [9, 9, 9, 12], [0, 0, 0, 0]]]),
        torch.tensor([[0, 0, -1]]),
        torch.tensor([[True, False, False]]),
    )
    assert not assign(points, boxes).foreground.any()
    assert not orphans(assign(points, boxes), boxes).any()


def test_order_of_objects_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = [random_boxes(rng, 1, 30) for _ in range(60)]
    points = Points([8, 16], SIZE)
    ours = assign(points, batch(rows))
    theirs = assign(points, batch(rows[::-1]))
    assert torch.equal(ours.foreground, theirs.foreground)
    mine = ours.object[ours.foreground]
    assert torch.equal(mine, 59 - theirs.object[theirs.foreground])


def test_points_outside_their_object_count_as_central() -> None:
    points = Points([8], 16)
    # Of the first of four points, at (4, 4): outside, outside, in the middle.
    for box in ([5.0, 5, 6, 6], [3.0, 5, 6, 6], [0.0, 0, 8, 8]):
        assert points.centerness(torch.tensor([box] * 4))[0] == 1


def test_as_many_cells_as_the_maps_have() -> None:
    points = Points([8, 16], 65)
    assert points.sizes == ((9, 9), (5, 5))
    points.fit([(8, 8), (4, 3)])
    assert len(points.center) == 64 + 12
    assert points.center[-1].tolist() == [40, 56]
    for x, y in itertools.product((1.0, 33.0, 64.5), repeat=2):
        lone = batch([[x - 0.5, y - 0.5, x + 0.5, y + 0.5]])
        assert not orphans(assign(points, lone), lone).any()
