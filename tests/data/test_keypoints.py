"""Keypoints follow their pictures; a mirror exchanges left and right."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import collate
from mtl.data.inspection.tally import Tally
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Sample, Target
from mtl.data.target.motion import Motion

SIDE = 64
NAMES = ("left", "nose", "right")
TARGET = Target("keypoints", NAMES, mirrored=[("left", "right")], skeleton=[("left", "nose")])
PLACES = [(20.5, 24.5), (33.5, 40.5), (46.5, 20.5)]


def scene() -> Sample:
    """A spot in a colour of its own around each keypoint."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    for colour, (x, y) in enumerate(PLACES):
        image[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4, colour] = 255
    value = np.array([[(x, y, 2) for x, y in PLACES]], np.float32)
    return Sample(image, "scene", {"points": value}, meaning={"points": TARGET})


def middle(image: np.ndarray, colour: int) -> np.ndarray:
    """Of a spot, in pixels from the corner."""
    weights = image[..., colour].astype(np.float64)
    rows, columns = np.indices(weights.shape) + 0.5
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def check(image: np.ndarray, value: np.ndarray, mirrored: bool, off: float = 0.6) -> None:
    for colour in range(3):
        named = (2 - colour) if mirrored else colour
        np.testing.assert_allclose(value[0, named, :2], middle(image, colour), atol=off)
    assert (value[..., 2] == 2).all()


MOVES: list[dict[str, Any]] = [
    {"angles": [90]},
    {"hflip": 1.0},
    {"vflip": 1.0},
    {"hflip": 1.0, "vflip": 1.0},
    {"rotate": 40, "zoom": 0.2, "shear": 0.2, "shift": 0.05, "hflip": 1.0},
]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_both_engines_put_keypoints_where_the_picture_shows_them(move: dict[str, Any]) -> None:
    spec = Augmentation(**move)
    mirrored = ("hflip" in move) != ("vflip" in move)
    alone = SampleAugmenter(spec, SIDE)(scene(), seed=3)
    check(alone.image, alone.targets["points"], mirrored)
    batch = collate([scene(), scene()], {"points": TARGET}, seed=3, copy=[0, 0])
    moved = BatchAugmenter(spec, {"points": TARGET})(batch)
    for row in range(2):
        value = TARGET.kind.separate(moved.targets["points"].value, row)
        check(moved.image[row].permute(1, 2, 0).numpy(), value, mirrored)


EXTRA: list[tuple[dict[str, object], bool]] = [
    ({"name": "Transpose", "p": 1.0}, True),
    ({"name": "HorizontalFlip", "p": 1.0}, True),
    ({"name": "Rotate", "limit": [90, 90], "p": 1.0}, False),
    ({"name": "ElasticTransform", "alpha": 30, "sigma": 9, "p": 1.0}, False),
]


@pytest.mark.parametrize(("step", "mirrored"), EXTRA, ids=str)
def test_albumentations_steps_carry_them(step: Mapping[str, object], mirrored: bool) -> None:
    done = SampleAugmenter(Augmentation(extra=[step]), SIDE)(scene(), seed=0)
    check(done.image, done.targets["points"], mirrored, 1.5 if "alpha" in step else 0.6)


def test_what_leaves_the_picture_is_unknown_and_its_object_stays() -> None:
    value = scene().targets["points"]
    matrix = torch.tensor([[[1.0, 0, -20.5], [0, 1, 30]]], dtype=torch.float64)
    flips = torch.zeros(1, 2, dtype=torch.bool)
    moved = TARGET.moved_alone(value, Motion(matrix, (SIDE, SIDE), Augmentation(), flips, True))
    np.testing.assert_array_equal(moved, [[(0, 54.5, 2), (0, 0, 0), (26, 50.5, 2)]])


def test_letterboxing_and_the_way_back() -> None:
    frame = Frame(40, 20, 1.6, 1.6, 0, 16)
    value = np.array([[(10, 5, 1), (0, 0, 0), (40, 20, 2)]], np.float32)
    resized = TARGET.kind.resized(value, frame, SIDE)
    np.testing.assert_array_equal(resized, [[(16, 24, 1), (0, 0, 0), (64, 48, 2)]])
    np.testing.assert_array_equal(TARGET.kind.to_original(resized, frame), value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((1, 2, 3)), "has 2 keypoints; the target names 3"),
        (np.full((1, 3, 3), 3.0), "a visibility of 3; allowed: 0, 1, 2"),
        (np.array([[(np.nan, 1, 2)] * 3]), "whose place is no number"),
        (np.zeros((3, 3)), r"an array of shape \(3, 3\) is given instead of \(N, K, 3\)"),
    ],
)
def test_what_is_no_keypoints_is_refused(value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TARGET.exact(value.astype(np.float32))


def test_what_is_unknown_has_no_place_and_is_counted_as_such() -> None:
    value = TARGET.exact(np.array([[(1, 2, 0), (3, 4, 1), (5, 6, 2)]], np.float32))
    np.testing.assert_array_equal(value, [[(0, 0, 0), (3, 4, 1), (5, 6, 2)]])
    tally = Tally(TARGET)
    tally.add(value)
    assert (tally.counts.tolist(), tally.ignored) == ([0, 1, 1], 1)
    assert tally.series == {"objects per image": [1]}
    assert TARGET.kind.numbers(TARGET.kind.collate([value, value[:0]]), TARGET).tolist() == [
        [0, 1, 1],
        [0, 0, 0],
    ]


def test_a_network_that_names_them_otherwise() -> None:
    value = np.array([[(1, 1, 2), (2, 2, 2), (3, 3, 1)]], np.float32)
    known = Target("keypoints", ("nose", "tail", "left"))
    found = TARGET.kind.renumbered(value, np.array([2, 0, -1]), known)
    np.testing.assert_array_equal(found, [[(2, 2, 2), (0, 0, 0), (1, 1, 2)]])


def test_a_mirror_exchanges_the_classes_of_other_kinds_too() -> None:
    flip = torch.tensor([[[-1.0, 0, 4], [0, 1, 0]]])
    motion = Motion(flip, (4, 4), Augmentation(), torch.tensor([[True, False]]), False)
    assert Target("label", NAMES, mirrored=[("left", "right")]).moved_alone(0, motion) == 2


def test_drawing_visible_hidden_and_joined() -> None:
    canvas = np.full((SIDE, SIDE, 3), 120, np.uint8)
    value = np.array([[(10, 10, 2), (50, 10, 2), (30, 50, 0)]], np.float32)
    drawn = TARGET.kind.draw(canvas, value, TARGET, 1)
    assert (drawn[10, 30] > 200).all()  # the line between both
    assert (drawn[50, 30] == 120).all()  # unknown
    hidden = TARGET.kind.draw(canvas, value * np.float32([1, 1, 0.5]), TARGET, 1)
    assert tuple(hidden[10, 10]) != tuple(drawn[10, 10])
