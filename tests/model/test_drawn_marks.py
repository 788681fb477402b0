"""Captions and keypoints that would hide each other."""

import numpy as np

from mtl.drawing.keypoints import draw_keypoints
from mtl.drawing.marks import draw_boxes, draw_caption

CANVAS = np.full((480, 480, 3), 100, np.uint8)


def painted(canvas: np.ndarray) -> np.ndarray:
    """Rows that something was drawn in."""
    return np.flatnonzero((canvas != 100).any((1, 2)))


def test_a_caption_that_is_too_long_goes_on_in_the_next_row() -> None:
    words = ["camera_height 1.9 m,", "camera_pitch 24.2 degrees,", "light_elevation 31 degrees"]
    assert painted(draw_caption(CANVAS, [words[0]])).max() <= 22
    rows = draw_caption(CANVAS, [" ".join(words), "cone"])
    assert painted(rows).max() > 45
    last = rows[22:38]
    assert (last[:, -1] == 100).all()
    assert (last[:, :100] != 100).any()
    assert draw_caption(CANVAS[:, :20], ["unbreakable"]).shape == (480, 20, 3)


def test_equal_captions_do_not_cover_each_other() -> None:
    boxes = np.array([[100, 100, 110, 110], [104, 103, 114, 113], [300, 300, 310, 310]], np.float32)
    alone = draw_boxes(CANVAS, boxes, ["bottle", "", "bottle"], [3, 3, 3])
    both = draw_boxes(CANVAS, boxes, ["bottle", "bottle", "bottle"], [3, 3, 3])
    assert np.array_equal(alone, both)
    other = draw_boxes(CANVAS, boxes, ["bottle", "cup", "bottle"], [3, 4, 3])
    assert not np.array_equal(other, both)


def test_keypoints_that_lie_close_are_drawn_small() -> None:
    far = np.array([[[100, 100], [140, 100]], [[100, 300], [103, 300]]], np.float32)
    there = np.ones((2, 2), np.bool_)
    drawn = draw_keypoints(CANVAS, far, there, there, [])
    assert (drawn[96, 100] != 100).any()
    assert (drawn[297] == 100).all()
    assert (drawn[300, [100, 103]] != 100).any(1).all()
    nearer = far - np.array([[[0, 0], [2, 0]]], np.float32)
    closest = draw_keypoints(CANVAS, nearer[1:], there[1:], there[1:], [])
    assert (closest[300, [100, 101]] != 100).any(1).all()
    assert (closest != 100).any(2).sum() == 2
    alone = draw_keypoints(CANVAS, far[:1, :1], there[:1, :1], there[:1, :1], [])
    assert (alone[96, 100] != 100).any()
