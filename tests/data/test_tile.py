"""Tiles of large images, by numbers worked out by hand."""

import numpy as np
import pytest

from mtl.data.tile import tiles_of


def test_four_tiles_without_overlap_are_the_quarters() -> None:
    tiles = tiles_of(64, 32, 32, 0)
    assert [tile.outer for tile in tiles] == [(0, 0, 32, 32), (32, 0, 64, 32)]
    assert all(tile.outer == tile.inner for tile in tiles)
    assert len(tiles_of(64, 64, 32, 0)) == 4


def test_neighbours_meet_in_the_middle_of_what_they_share() -> None:
    """100 by tiles of 40 that share 10: at 0, 30 and 60, which meet at 35 and 65."""
    tiles = tiles_of(100, 30, 40, 0.25)
    assert [tile.outer for tile in tiles] == [(0, 0, 40, 30), (30, 0, 70, 30), (60, 0, 100, 30)]
    assert [tile.inner for tile in tiles] == [(0, 0, 35, 30), (35, 0, 65, 30), (65, 0, 100, 30)]


def test_what_does_not_go_evenly_overlaps_more() -> None:
    """101 needs a fourth tile: distances of 61 / 3."""
    tiles = tiles_of(101, 40, 40, 0.25)
    assert [tile.outer[0] for tile in tiles] == [0, 20, 41, 61]
    assert tiles[-1].outer[2] == 101


@pytest.mark.parametrize("size", [(57, 33), (64, 64), (200, 31)])
@pytest.mark.parametrize("overlap", [0, 0.1, 0.5])
def test_inner_parts_fill_the_image_once(size: tuple[int, int], overlap: float) -> None:
    counts = np.zeros(size[::-1], int)
    for tile in tiles_of(*size, 32, overlap):
        left, top, right, bottom = tile.inner
        counts[top:bottom, left:right] += 1
        assert tile.outer[0] <= left < right <= tile.outer[2]
        assert tile.outer[1] <= top < bottom <= tile.outer[3]
    assert (counts == 1).all()


def test_an_object_belongs_where_it_is_seen_whole() -> None:
    """Tiles share 30..40: the left one answers up to 37.5, the right one from 32.5."""
    left, right = tiles_of(70, 40, 40, 0.25)
    centres = np.array([[31, 9], [35, 9], [38, 9], [0, 40]], np.float32)
    assert left.answers_for(centres).tolist() == [True, True, False, True]
    assert right.answers_for(centres).tolist() == [False, True, True, False]


def test_a_tile_is_cut_out_in_its_own_memory() -> None:
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    tile = tiles_of(8, 6, 4, 0)[-1]
    assert tile.outer == (4, 2, 8, 6)
    np.testing.assert_array_equal(tile.cut(image), image[2:, 4:])
    assert tile.cut(image).base is None
