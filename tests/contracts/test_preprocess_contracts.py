"""What every preprocess has to do: a square picture, its targets with it, and the way back."""

import copy
from functools import cache

import numpy as np
import pytest
from contracts_kit import chosen, every, node

from mtl.config.instantiate import container, make
from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import IGNORE_PIXEL, Boxes, Sample, Target

SIDES = (31, 32, 33)
PICTURES = ((31, 47), (64, 20), (32, 32), (33, 33), (90, 7))
"""Height and width."""


@cache
def steps(name: str, side: int) -> Preprocess:
    cfg = chosen(["classification"], preprocess=node("preprocess", name))
    made = make(container(cfg.preprocess), Preprocess, image_size=side)
    assert isinstance(made, Preprocess)
    return made


def sample(height: int, width: int) -> Sample:
    """A bright rectangle, with a box around it and a mask of it."""
    image = np.random.default_rng(0).integers(0, 40, (height, width, 3)).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    top, bottom, left, right = height // 4, height * 3 // 4, width // 7, width * 6 // 7
    image[top:bottom, left:right] = 230
    mask[top:bottom, left:right] = 1
    xyxy = np.array([[left, top, right, bottom]], np.float32)
    boxes = Boxes(xyxy, np.array([2], np.int64), np.array([False]))
    labels = np.array([0, 1, -1], np.int8)
    targets = {"label": 1, "labels": labels, "boxes": boxes, "mask": mask}
    meaning = {kind: Target(kind, ("a", "b", "c")) for kind in targets}
    return Sample(image, "a.png", targets, meaning=meaning)


def boxes_of(sample: Sample) -> Boxes:
    found = sample.targets["boxes"]
    assert isinstance(found, Boxes)
    return found


@pytest.mark.parametrize("name", every("preprocess"))
def test_every_picture_becomes_the_networks_square(name: str) -> None:
    for side in SIDES:
        for shape in PICTURES:
            given = sample(*shape)
            kept = copy.deepcopy(given)
            done, frame = steps(name, side)(given)
            assert (done.image.shape, done.image.dtype) == ((side, side, 3), np.uint8)
            assert done.targets["mask"].shape == (side, side)  # type: ignore[union-attr]
            assert (frame.height, frame.width) == shape
            assert (done.id, done.targets["label"]) == ("a.png", 1)
            np.testing.assert_array_equal(done.targets["labels"], kept.targets["labels"])
            np.testing.assert_array_equal(given.image, kept.image)
            np.testing.assert_array_equal(given.targets["mask"], kept.targets["mask"])


@pytest.mark.parametrize("name", every("preprocess"))
def test_boxes_come_back(name: str) -> None:
    for side in SIDES:
        for shape in PICTURES:
            given = sample(*shape)
            done, frame = steps(name, side)(given)
            back = frame.boxes_to_original(boxes_of(done).xyxy)
            np.testing.assert_allclose(back, boxes_of(given).xyxy, atol=1e-3)
            np.testing.assert_array_equal(boxes_of(done).labels, boxes_of(given).labels)


@pytest.mark.parametrize("name", every("preprocess"))
def test_masks_lie_where_the_boxes_do(name: str) -> None:
    for side in SIDES:
        done, _ = steps(name, side)(sample(64, 48))
        mask = done.targets["mask"]
        assert isinstance(mask, np.ndarray)
        assert set(np.unique(mask)) <= {0, 1, IGNORE_PIXEL}
        rows, columns = np.nonzero(mask == 1)
        around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(boxes_of(done).xyxy[0], around, atol=1)


@pytest.mark.parametrize("name", every("preprocess"))
def test_what_was_brought_to_size_stays_in_place(name: str) -> None:
    for side in SIDES:
        made = steps(name, side)
        once, _ = made(sample(64, 48))
        twice, frame = made(once)
        assert (frame.scale_x, frame.scale_y, frame.offset_x, frame.offset_y) == (1, 1, 0, 0)
        np.testing.assert_array_equal(boxes_of(twice).xyxy, boxes_of(once).xyxy)
        np.testing.assert_array_equal(twice.targets["mask"], once.targets["mask"])


@pytest.mark.parametrize("name", every("preprocess"))
def test_the_same_sample_gives_the_same_picture(name: str) -> None:
    one, _ = steps(name, 32)(sample(64, 48))
    other, _ = steps.__wrapped__(name, 32)(sample(64, 48))
    np.testing.assert_array_equal(one.image, other.image)
    key = steps.__wrapped__(name, 32).key()
    assert steps(name, 32).key() == key != steps(name, 33).key()


@pytest.mark.parametrize("name", every("preprocess"))
def test_targets_that_are_missing_stay_missing(name: str) -> None:
    done, _ = steps(name, 32)(Sample(sample(64, 48).image, "a.png", {}))
    assert done.targets == {}
