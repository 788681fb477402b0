"""Which point answers for which object, worked out by hand."""

import pytest
import torch
from detection_kit import objects

from mtl.model.head.fcos_points import Points
from mtl.model.head.fcos_targets import assign


def points_of_16_pixels() -> Points:
    """Centres (4, 4), (12, 4), (4, 12), (12, 12)."""
    return Points([8], 16)


def test_the_smallest_object_takes_the_point() -> None:
    given = assign(
        points_of_16_pixels(),
        objects([(0, 0, 16, 16, 0, 0), (0, 0, 8, 8, 1, 0)], [(8, 8, 16, 16, 0, 0)], []),
    )
    assert given.foreground.tolist() == [
        [True] * 4,
        [False, False, False, True],
        [False] * 4,
    ]
    assert given.object[0].tolist() == [1, 0, 0, 0]
    assert not given.ignored.any()


def test_points_on_nothing_but_difficult_objects_are_ignored() -> None:
    points = points_of_16_pixels()
    small_difficult = (0, 0, 8, 8, 1, 1)
    given = assign(points, objects([small_difficult], [small_difficult, (0, 0, 16, 16, 0, 0)], []))
    assert given.ignored.tolist() == [[True, False, False, False], [False] * 4, [False] * 4]
    assert given.foreground.tolist() == [[False] * 4, [True] * 4, [False] * 4]
    assert given.object[1].tolist() == [1, 1, 1, 1]


def test_large_objects_belong_to_coarse_levels() -> None:
    # The points nearest to the centre (64, 64) are 68 px from the farthest side at stride 8, which
    # ends at 64, and 72 at stride 16, which begins there.
    points = Points([8, 16], 128)
    given = assign(points, objects([(0, 0, 128, 128, 0, 0)])).foreground[0]
    assert points.center[given].tolist() == [[56, 56], [72, 56], [56, 72], [72, 72]]
    assert points.stride[given].tolist() == [16] * 4


def test_center_sampling_is_one_and_a_half_strides() -> None:
    # Along x the object is wide, but only points less than 12 px from x = 32 answer for it.
    points = Points([8], 64)
    given = assign(points, objects([(0, 0, 64, 8, 0, 0)])).foreground[0]
    assert points.center[given].tolist() == [[28, 4], [36, 4]]


def test_centerness_and_decoding_by_hand() -> None:
    points = points_of_16_pixels()
    box = torch.tensor([3.0, 0.0, 8.0, 8.0])  # around (4, 4): left 1, right 4, top and bottom 4
    assert points.centerness(box.expand(4, 4))[0].item() == pytest.approx(0.5)
    sides = torch.tensor([1 / 8, 4 / 8, 4 / 8, 4 / 8])
    torch.testing.assert_close(points.decode(sides.expand(4, 4))[0], box)
