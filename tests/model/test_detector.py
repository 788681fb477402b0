"""What becomes of detections, whatever found them."""

import numpy as np
import pytest
import torch
from detection_kit import found, head

from mtl.data.preprocess.base import Frame
from mtl.data.tile import tiles_of


def test_way_back_to_the_original_image() -> None:
    detection = head()
    frame = Frame(width=200, height=100, scale_x=0.5, scale_y=0.5, offset_y=25)
    prediction = found((10, 35, 60, 65, 1, 0.9), (0, 0, 60, 20, 0, 0.4))
    back = detection.to_original(detection.unbatch([prediction])[0], frame)
    assert back.boxes.tolist() == [[20, 20, 120, 80]]  # the other lies in the padding
    assert detection.record(back) == {
        "detections": [
            {
                "bbox": [20, 20, 100, 60],
                "category_id": 1,
                "category": "class1",
                "score": pytest.approx(0.9),
            }
        ]
    }
    assert detection.record(found()) == {"detections": []}


def test_draws_what_is_sure_enough() -> None:
    detection = head(draw_threshold=0.5)
    canvas = np.zeros((100, 200, 3), np.uint8)
    assert not detection.draw(canvas, found((10, 10, 90, 90, 0, 0.49))).any()
    drawn = detection.draw(canvas, found((10, 10, 90, 90, 0, 0.5)))
    assert drawn[50, 10].any()
    assert not canvas.any()


def test_halves_cut_off_at_the_border_of_a_tile_are_dropped() -> None:
    """Tiles 0..40 and 20..60 share 20..40: the left one tells of centres up to 35."""
    tiles = tiles_of(60, 40, 40, 0.5)
    assert [tile.outer[0] for tile in tiles] == [0, 20]
    left = found((5, 5, 15, 15, 0, 0.9), (26, 10, 34, 20, 1, 0.7), (36, 0, 40, 9, 0, 0.95))
    right = found((6.5, 10, 14, 20, 1, 0.8), (16, 0, 24, 9, 0, 0.6))
    whole = head().from_tiles([left, right], tiles)
    # The second of the left and the first of the right are one; the third is a piece.
    assert whole.boxes.tolist() == [[5, 5, 15, 15], [26.5, 10, 34, 20], [36, 0, 44, 9]]
    torch.testing.assert_close(whole.scores, torch.tensor([0.9, 0.8, 0.6]))
    assert whole.labels.tolist() == [0, 1, 0]
