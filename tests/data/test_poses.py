"""Boxes with keypoints: what is particular to these beside boxes and beside keypoints."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import collate
from mtl.data.inspection.tally import Tally
from mtl.data.poses import PoseBatch, Poses
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.known_classes import Classes, KnownClasses
from mtl.data.sources.mixed import merged
from mtl.data.target.motion import Motion
from mtl.errors import UserError

SIDE = 64
NAMES = ("left", "nose", "right")
TARGET = Target("poses", ("cat", "dog"), keypoints=NAMES, mirrored=[("left", "right")])
PLACES = np.array([(20.5, 24.5), (33.5, 40.5), (46.5, 20.5)], np.float32)


def poses(*xyxy: tuple[float, ...], points: Any = None) -> Poses:
    """Objects of class 1 and of class 0 by turns, with all three points in these places."""
    rows = np.array(xyxy, np.float32).reshape(-1, 4)
    count = len(rows)
    boxes = Boxes(rows, (np.arange(count) + 1) % 2, np.zeros(count, np.bool_))
    if points is None:
        points = np.tile(np.column_stack([PLACES, [2, 2, 2]]), (count, 1, 1))
    return Poses.of(boxes, np.array(points, np.float32))


def scene() -> Sample:
    """A spot in a colour of its own around each keypoint of an object."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    for colour, (x, y) in enumerate(PLACES):
        image[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4, colour] = 255
    value = poses((17, 17, 50, 44), (0, 0, 2, 2))
    return Sample(image, "scene", {"poses": value}, meaning={"poses": TARGET})


def middle(image: np.ndarray, colour: int) -> np.ndarray:
    """Of a spot, in pixels from the corner."""
    weights = image[..., colour].astype(np.float64)
    rows, columns = np.indices(weights.shape) + 0.5
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def check(image: np.ndarray, value: Poses, mirrored: bool) -> None:
    """Boxes are around their points, classes stay, and a mirror exchanges left and right alone."""
    assert value.labels[0] == 1
    for colour in range(3):
        named = (2 - colour) if mirrored else colour
        np.testing.assert_allclose(value.points[0, named, :2], middle(image, colour), atol=0.6)
    assert (value.points[0, :, :2] >= value.xyxy[0, :2]).all()
    assert (value.points[0, :, :2] <= value.xyxy[0, 2:]).all()


MOVES: list[dict[str, Any]] = [
    {"angles": [90]},
    {"hflip": 1.0},
    {"rotate": 40, "zoom": 0.2, "shift": 0.05, "vflip": 1.0, "min_visibility": 0.9},
]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_both_engines_move_boxes_and_points_together(move: dict[str, Any]) -> None:
    spec = Augmentation(**move)
    mirrored = ("hflip" in move) != ("vflip" in move)
    alone = SampleAugmenter(spec, SIDE)(scene(), seed=3)
    check(alone.image, alone.targets["poses"], mirrored)
    batch = collate([scene(), scene()], {"poses": TARGET}, seed=3, copy=[0, 0])
    moved = BatchAugmenter(spec, {"poses": TARGET})(batch)
    for row in range(2):
        value = TARGET.kind.separate(moved.targets["poses"].value, row)
        check(moved.image[row].permute(1, 2, 0).numpy(), value, mirrored)


def test_albumentations_steps_carry_them() -> None:
    step = {"name": "HorizontalFlip", "p": 1.0}
    done = SampleAugmenter(Augmentation(extra=[step]), SIDE)(scene(), seed=0)
    check(done.image, done.targets["poses"], True)
    assert done.targets["poses"].labels.tolist() == [1, 0]


def test_a_pose_goes_with_its_box_and_a_point_that_leaves_is_unknown() -> None:
    value = poses((17, 17, 50, 44), (0, 0, 10, 10), points=[[[*PLACES[0], 2], [60, 5, 1]]] * 2)
    matrix = torch.tensor([[[1.0, 0, 12], [0, 1, -12]]], dtype=torch.float64)
    flips = torch.zeros(1, 2, dtype=torch.bool)
    motion = Motion(matrix, (SIDE, SIDE), Augmentation(min_visibility=0.3), flips, True)
    moved = TARGET.kind.moved_alone(value, motion)
    np.testing.assert_array_equal(moved.xyxy, [[29, 5, 62, 32]])
    np.testing.assert_array_equal(moved.points, [[(32.5, 12.5, 2), (0, 0, 0)]])


def test_letterboxing_and_the_way_back() -> None:
    frame = Frame(40, 20, 1.6, 1.6, 0, 16)
    value = poses((0, 0, 20, 20), points=[[(10, 5, 1), (0, 0, 0), (40, 20, 2)]])
    resized = TARGET.kind.resized(value, frame, SIDE)
    np.testing.assert_array_equal(resized.points, [[(16, 24, 1), (0, 0, 0), (64, 48, 2)]])
    np.testing.assert_array_equal(resized.xyxy, [[0, 16, 32, 48]])
    assert resized.within == (0, 16, 64, 48)
    back = TARGET.kind.to_original(resized, frame)
    np.testing.assert_array_equal(back.points, value.points)


def test_what_is_measured_has_a_known_pose() -> None:
    value = poses(*[(0, 0, 4, 4)] * 3, points=[[(1, 1, 2)], [(0, 0, 0)], [(1, 1, 1)]])
    value.difficult[2] = True
    batch = TARGET.kind.collate([value, poses(points=np.zeros((0, 1, 3)))])
    assert isinstance(batch, PoseBatch)
    assert batch.counted.tolist() == [[True, False, False], [False] * 3]
    assert batch.valid.tolist() == [[True] * 3, [False] * 3]
    empty = TARGET.kind.collate([poses(points=np.zeros((0, 1, 3)))]).at_least_one()
    assert (empty.points.shape, empty.counted.tolist()) == ((1, 1, 1, 3), [[False]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (poses((0, 0, 1, 1), points=np.zeros((1, 2, 3))), "has 2 keypoints; the target names 3"),
        (poses((0, 0, 1, 1), points=np.full((1, 3, 3), 3.0)), "a visibility of 3"),
        (Poses.of(poses((0, 0, 1, 1)).boxes, np.zeros((0, 3, 3))), "has 0 poses for 1 objects"),
        (Boxes.empty(), "Boxes is given instead of Poses"),
    ],
)
def test_what_is_no_pose(value: Boxes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TARGET.exact(value)


def test_names_of_points_are_known_beside_classes() -> None:
    assert Target.of_plain(TARGET.plain) == TARGET
    assert TARGET.exchanged.tolist() == [2, 1, 0]
    with pytest.raises(UserError, match=r"mirrored: .'cat', 'dog'. is no pair of names"):
        Target("poses", ("cat", "dog"), keypoints=NAMES, mirrored=[("cat", "dog")])


def test_other_data_number_classes_and_points_otherwise() -> None:
    known = Target("poses", ("dog", "cow"), keypoints=("right", "tail", "left"))
    value = poses((0, 0, 9, 9), (1, 1, 5, 5))
    found = Classes(TARGET, known).value(value)
    assert found.labels.tolist() == [0]
    np.testing.assert_array_equal(found.points, [[(*PLACES[2], 2), (0, 0, 0), (*PLACES[0], 2)]])
    assert found.looked_for.tolist() == [True, False]
    both = merged("poses", {"a": TARGET, "b": known})
    assert both.classes == ("cat", "dog", "cow")
    assert both.keypoints == ("left", "nose", "right", "tail")
    assert Classes(known, both).value(found).points[0, 3].tolist() == [0, 0, 0]


def test_poses_without_a_point_in_common_are_refused() -> None:
    other = SimpleNamespace(targets={"poses": Target("poses", ("dog",), keypoints=("point0",))})
    with pytest.raises(UserError, match=r"none of the keypoints .* it has point0; the run"):
        KnownClasses(other, {"poses": TARGET})  # type: ignore[arg-type]


def test_inspect_counts_objects_and_their_known_points() -> None:
    tally = Tally(TARGET)
    tally.add(poses((0, 0, 2, 8), (0, 0, 1, 1), points=[[(1, 1, 2), (0, 0, 0)]] * 2))
    assert tally.counts.tolist() == [1, 1]
    assert tally.series["known keypoints per object"] == [1, 1]
