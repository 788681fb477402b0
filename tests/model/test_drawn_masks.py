"""Masks drawn on pictures."""

import numpy as np

from mtl.drawing.marks import draw_mask
from mtl.drawing.palette import color


def test_pixels_are_tinted_by_class() -> None:
    """By 0.4; the background stays, what is ignored is whitened."""
    canvas = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[0, 1], [3, 255]], np.uint8)
    drawn = draw_mask(canvas, mask.T[::-1].T[::-1], 255, opacity=0.4)
    expected = [[100 * 0.6 + 0.4 * 255] * 3, *[np.array(color(i)) * 0.4 + 60 for i in (2, 0)]]
    np.testing.assert_allclose(drawn.reshape(4, 3)[:3], expected, atol=0.51)
    assert drawn[1, 1].tolist() == [100, 100, 100]
    assert (canvas == 100).all()
