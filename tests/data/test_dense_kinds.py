"""Depths, normals and optical flow follow the picture: a tilted plane whose truth is known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_kinds_kit import Flow

from mtl.data.augmentation.geometry import affine_matrices
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Sample, Target
from mtl.data.target.base import TargetKind
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.registry import kind_of
from mtl.data.target.vector_map import orthogonal_part
from mtl.errors import BadFile

SIDE = 16
SLOPE = np.array([0.2, 0.1])
"""Metres the plane recedes with each pixel to the right and down, seen from far away."""
CENTRES = np.stack(np.meshgrid(*[np.arange(SIDE) + 0.5] * 2), -1)
NAN = np.nan
DEPTH, NORMALS, FLOW = kind_of("depth"), kind_of("normals"), kind_of(Flow)


def depths(places: np.ndarray) -> np.ndarray:
    return (3 + places @ SLOPE).astype(np.float32)


def facing(slope: np.ndarray) -> np.ndarray:
    """The normal of a plane that recedes so: its front looks to where it is farther away."""
    return np.array([*slope, 1]) / math.hypot(*slope, 1)


def everywhere(vector: Any) -> np.ndarray:
    return np.full((SIDE, SIDE, len(vector)), vector, np.float32)


def motion(**steps: Any) -> Motion:
    given = {"angle": 0.0, "scale": 1.0, "shear": (0.0, 0.0), "shift": (0.0, 0.0)} | steps
    flips = torch.tensor([given.pop("flip", (False, False))])
    parts = {name: torch.tensor([part], dtype=torch.float64) for name, part in given.items()}
    matrix = affine_matrices((SIDE, SIDE), **parts, flip=flips)
    return Motion(matrix, (SIDE, SIDE), Augmentation(), flips, warps=True)


def both_engines(kind: TargetKind, value: np.ndarray, how: Motion) -> list[np.ndarray]:
    together = Labelled(torch.tensor([0]), kind.collate([value]))
    return [
        kind.moved_alone(value, how),
        kind.separate(kind.moved(together, how).value, 0),
    ]


MAPS = [
    motion(angle=30),
    motion(angle=-75, flip=(True, False)),
    motion(scale=1.5, shift=(3, -2)),
    motion(angle=110, scale=0.8, flip=(False, True)),
]


@pytest.mark.parametrize("how", MAPS)
def test_a_tilted_plane_is_still_a_plane_and_faces_where_it_should(how: Motion) -> None:
    matrix = how.matrix[0].numpy()
    before = (CENTRES - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    inside = ((before > 0) & (before < SIDE)).all(-1)
    rotation = matrix[:, :2] / math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    value = facing(SLOPE).astype(np.float32)
    after = facing(rotation @ SLOPE)
    for found in both_engines(DEPTH, depths(CENTRES), how):
        assert (np.isnan(found) == ~inside).mean() > 0.97
        wrong = np.abs(found - depths(before))[~np.isnan(found)]
        assert wrong.max() < 0.5 * SLOPE.sum() + 1e-3
    for found in both_engines(NORMALS, everywhere(value), how):
        assert (np.isnan(found).all(-1) == ~inside).mean() > 0.97
        known = found[~np.isnan(found).any(-1)]
        np.testing.assert_allclose(known, [after] * len(known), atol=1e-5)


@pytest.mark.parametrize("how", MAPS)
def test_flow_goes_through_the_whole_of_the_map(how: Motion) -> None:
    linear = how.matrix[0, :, :2].numpy()
    for found in both_engines(FLOW, everywhere((2, -1)), how):
        known = found[~np.isnan(found).any(-1)]
        np.testing.assert_allclose(known, [linear @ (2, -1)] * len(known), atol=1e-5)


def test_a_quarter_turn_and_a_mirror_by_hand() -> None:
    """What points to the right points up after a turn, and to the left in a mirror."""
    value = everywhere((0.6, 0, 0.8))
    turned = NORMALS.turned_alone(value, Turn.alone(1, (SIDE, SIDE)))
    assert turned[0, 0].tolist() == pytest.approx([0, -0.6, 0.8])
    mirrored = motion(flip=(True, False))
    for found in both_engines(NORMALS, value, mirrored):
        assert found[3, 3].tolist() == pytest.approx([-0.6, 0, 0.8])


def test_unknown_pixels_mix_with_none() -> None:
    value = depths(CENTRES)
    value[4:8, 4:8] = NAN
    for found in both_engines(DEPTH, value, motion(angle=30)):
        known = set(found[~np.isnan(found)].tolist())
        assert known <= set(value[~np.isnan(value)].tolist())
    holes = everywhere(facing(SLOPE))
    holes[4:8, 4:8] = NAN
    for found in both_engines(NORMALS, holes, motion(angle=30)):
        assert 10 <= np.isnan(found[3:13, 3:13]).any(-1).sum() <= 22
        assert np.isnan(found).any(-1).sum() == np.isnan(found).all(-1).sum()


def test_a_resized_picture_keeps_depths_and_normals_and_scales_flow() -> None:
    frame = Frame(width=8, height=16, scale_x=2, scale_y=0.5, offset_y=4)
    size = (16, 8)
    depth = np.arange(128, dtype=np.float32).reshape(size) + 1
    resized = DEPTH.resized(depth, frame, SIDE)
    assert np.isnan(resized[[0, 3, 12, 15]]).all()
    assert set(resized[4:12].ravel().tolist()) <= set(depth.ravel().tolist())
    assert (np.diff(resized[4:12], axis=1) >= 0).all()
    assert DEPTH.to_original(resized, frame).shape == size
    normals = np.full((*size, 3), (0.6, 0, 0.8), np.float32)
    np.testing.assert_array_equal(NORMALS.resized(normals, frame, SIDE)[5, 5], normals[0, 0])
    np.testing.assert_array_equal(
        NORMALS.to_original(NORMALS.resized(normals, frame, SIDE), frame), normals
    )
    flow = np.full((*size, 2), (3, 8), np.float32)
    assert FLOW.resized(flow, frame, SIDE)[5, 5].tolist() == [6, 4]
    np.testing.assert_array_equal(FLOW.to_original(FLOW.resized(flow, frame, SIDE), frame), flow)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"name": "Transpose", "p": 1.0}, (0, 0.6, 0.8)),
        ({"name": "HorizontalFlip", "p": 1.0}, (-0.6, 0, 0.8)),
        ({"name": "Affine", "rotate": (90, 90), "p": 1.0}, (0, -0.6, 0.8)),
        ({"name": "Affine", "rotate": (30, 30), "p": 1.0}, (0.6 * 0.75**0.5, -0.3, 0.8)),
        ({"name": "Affine", "scale": (0.5, 0.5), "p": 1.0}, (0.6, 0, 0.8)),
        ({"name": "GaussNoise", "p": 1.0}, (0.6, 0, 0.8)),
    ],
)
def test_normals_find_out_what_albumentations_did(step: Any, expected: Any) -> None:
    meaning = {"normals": Target("normals")}
    targets = {"normals": everywhere((0.6, 0, 0.8))}
    given = Sample(np.zeros((SIDE, SIDE, 3), np.uint8), "", targets, meaning=meaning)
    found = SampleAugmenter(Augmentation(extra=[step]), SIDE)(given, 0).targets["normals"]
    known = found[~np.isnan(found).any(-1)]
    assert len(known) >= 60
    np.testing.assert_allclose(known, [expected] * len(known), atol=0.02)


def test_the_rotation_in_a_map() -> None:
    maps = torch.tensor([[[2, 0], [0, 3]], [[0, -1], [5, 0]], [[-1, 0], [0, 2]]]).double()
    expected = [[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, 1]]]
    assert orthogonal_part(maps).tolist() == expected
    some = torch.randn(50, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(some)
    torch.testing.assert_close(orthogonal_part(some), left @ right)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("depth", np.ones((2, 2, 1)), r"is of shape \(2, 2, 1\), no map of depths"),
        ("depth", np.array([[1, 0.0]]), "has depths such as 0; what is unknown is NaN"),
        ("depth", np.array([[1, np.inf]]), "has depths such as inf; what is unknown is NaN"),
        ("normals", np.ones((2, 2)), r"is of shape \(2, 2\), no map of normals"),
        ("normals", np.ones((2, 2, 3)), "has normals of length 1.73 instead of 1"),
        (Flow, np.ones((2, 2)), r"is of shape \(2, 2\), no map of vectors"),
    ],
)
def test_values_that_make_no_sense_name_the_file(kind: Any, value: np.ndarray, said: str) -> None:
    with pytest.raises(BadFile, match=rf"^a\.png: x {said}"):
        Sample(np.zeros((2, 2, 3), np.uint8), "a.png", {"x": value}).understood({"x": Target(kind)})


def test_pictures_and_files(tmp_path: Path) -> None:
    """Near is bright; what faces the camera is blue; what is unknown stays as it is."""
    canvas = np.full((40, 40, 3), 77, np.uint8)
    depth = np.full((40, 40), 2, np.float32)
    depth[:, 20:], depth[:5] = 9, NAN
    drawn = DEPTH.draw(canvas, depth, Target("depth"), 1)
    assert drawn[10, 5].sum() > drawn[10, 35].sum()
    assert (drawn[:5] == 77).all()
    normals = np.full((40, 40, 3), (0, 0, 1), np.float32)
    normals[:5] = NAN
    drawn = NORMALS.draw(canvas, normals, Target("normals"), 1)
    assert drawn[10, 5].argmax() == 2
    assert (drawn[:5] == 77).all()
    for kind, value in ((DEPTH, depth), (NORMALS, normals)):
        file = kind.write(tmp_path / "a_x", value)
        np.testing.assert_array_equal(np.load(file), value)
        assert file.with_suffix(".png").exists()
