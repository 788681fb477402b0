"""Areas and keypoints of files in COCO's format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_kit import annotation, images, opened, pictures, source_of, write
from faster_coco_eval.core import mask as coco_mask

from mtl.data.instances import Instances
from mtl.data.sources.run_lengths import run_lengths
from mtl.errors import BadFile, UserError

SQUARE = [2, 1, 6, 1, 6, 5, 2, 5]
ROWS = np.zeros((10, 20), np.uint8)
ROWS[1:5, 2:6] = 1
"""The same in pixels."""
NAMES = ["nose", "left_eye", "right_eye"]


def one(root: Path, said: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    write(root / "annotations.json", images("a.png"), said)
    pictures(root, "a.png")
    return dict(source_of(opened(root, val_fraction=0, **options)).read(0).targets)


def compressed() -> dict[str, Any]:
    coded = coco_mask.encode(np.asfortranarray(ROWS))
    return {"size": coded["size"], "counts": coded["counts"].decode()}


@pytest.mark.parametrize(
    "segmentation",
    [
        pytest.param([SQUARE], id="polygon"),
        pytest.param([[2, 1, 6, 1, 6, 3, 2, 3], [2, 3, 6, 3, 6, 5, 2, 5]], id="polygons"),
        # Column by column: 2 of 10 without, then 1 without and 4 with in each.
        pytest.param(
            {"size": [10, 20], "counts": [21, 4, 6, 4, 6, 4, 6, 4, 145]}, id="run lengths"
        ),
        pytest.param(compressed(), id="compressed"),
    ],
)
def test_areas_by_hand(tmp_path: Path, segmentation: Any) -> None:
    said = annotation(10, 7, (2, 1, 4, 4), segmentation=segmentation, iscrowd=1)
    found = one(tmp_path, [said])["instances"]
    assert isinstance(found, Instances)
    (mask,) = found.masks.whole
    assert mask.tolist() == (ROWS == 1).tolist()
    assert (found.labels.tolist(), found.difficult.tolist()) == ([1], [True])


def test_compressed_run_lengths_are_those_of_cocos_writer() -> None:
    rng = np.random.default_rng(0)
    for size in ((1, 1), (7, 5), (300, 400)):
        for blocks in (1, 3, 50):
            mask = np.kron(rng.random((blocks, blocks)) < 0.5, np.ones((6, 8)))
            mask = np.resize(mask, size).astype(np.uint8)
            flat = mask.ravel("F")
            ends = np.flatnonzero(np.diff(flat)) + 1
            lengths = np.diff([*([0] if flat[0] else []), 0, *ends, flat.size])
            text = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
            assert run_lengths(text).tolist() == lengths.tolist()


def test_an_image_of_which_an_object_has_no_area_lacks_instances(tmp_path: Path) -> None:
    said = [annotation(10, 7, (2, 1, 4, 4), segmentation=[SQUARE]), annotation(10, 7, (1, 1, 2, 2))]
    targets = one(tmp_path, said)
    assert "instances" not in targets
    assert len(targets["boxes"]) == 2
    assert "instances" not in one(tmp_path, said[:1], areas=False)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3, 4]], "has a polygon that isn't three or more pairs of numbers"),
        ({"size": [20, 10], "counts": "x"}, r"has a mask of size \[20, 10\] for an image of 10"),
        ({"size": [10, 20], "counts": [3]}, "has run lengths that don't add up"),
        ({"size": [10, 20], "counts": [-5, 205]}, "has run lengths that don't add up"),
        ({"size": [10, 20], "counts": [199, "1"]}, "has run lengths that are neither whole"),
        ({"size": [10, 20], "counts": None}, "has run lengths that are neither whole"),
        ({"size": [10, 20], "counts": ""}, "has compressed run lengths that are none"),
        ({"size": [10, 20], "counts": "4T"}, "has compressed run lengths that are none"),
        ({"size": [10, 20], "counts": "4 5"}, "has compressed run lengths that are none"),
        # Nothing ends it, or a number of a thousand bits: some readers take what lies behind.
        ({"size": [10, 20], "counts": "o" * 200 + "1"}, "has compressed run lengths that are none"),
        ({"size": [10, 20], "counts": "oooo7"}, "has run lengths that don't add up"),
        ([[0, 0, 1e30, 0, 1e30, 1e30]], "has a polygon that reaches far out of the image"),
        ([[0, 0, 9, 0, float("nan"), 9]], "has a polygon that isn't three or more pairs"),
    ],
)
def test_broken_areas(tmp_path: Path, segmentation: Any, message: str) -> None:
    with pytest.raises(BadFile, match=rf"annotation 1 of image 10 {message}"):
        one(tmp_path, [annotation(10, 7, (2, 1, 4, 4), segmentation=segmentation)])


def persons(**more: Any) -> list[dict[str, Any]]:
    return [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3]], **more}]


def test_keypoints_by_hand(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    points = [3, 4, 2, 0, 0, 0, 19, 9, 1]
    said = [
        annotation(10, 1, (1, 1, 9, 9), keypoints=points),
        annotation(10, 1, (1, 1, 9, 9), iscrowd=1, keypoints=[0] * 9),
        annotation(10, 1, (1, 1, 9, 9), num_keypoints=0),
    ]
    write(tmp_path / "annotations/person_keypoints_train.json", images("a.png", "b.png"), said,
          persons())  # fmt: skip
    data = opened(tmp_path, val_fraction=0)
    target = data.targets["keypoints"]
    assert target.classes == tuple(NAMES)
    assert target.mirrored == (("left_eye", "right_eye"),)
    assert target.skeleton == (("nose", "left_eye"), ("nose", "right_eye"))
    first, second = (source_of(data).read(row).targets for row in range(2))
    assert first["keypoints"].tolist() == [[[3.5, 4.5, 2], [0, 0, 0], [19.5, 9.5, 1]]]
    assert second["keypoints"].shape == (0, 3, 3)
    poses, meant = first["poses"], data.targets["poses"]
    assert (meant.classes, meant.keypoints) == (("person",), tuple(NAMES))
    assert (meant.mirrored, meant.lines) == (target.mirrored, target.lines)
    assert poses.xyxy.tolist() == [[1, 1, 10, 10]] * 3
    assert poses.difficult.tolist() == [False, True, False]
    assert poses.points[0].tolist() == first["keypoints"][0].tolist()
    assert not poses.points[1:].any()  # a crowd's, and those that were not annotated
    assert second["poses"].points.shape == (0, 3, 3)
    # The boxes are the same file's, until there is one of objects.
    assert data.targets["boxes"].classes == ("person",)
    write(tmp_path / "annotations/instances_train.json", images("a.png"),
          [annotation(10, 3, (2, 2, 5, 5))])  # fmt: skip
    data = opened(tmp_path, val_fraction=0)
    first, second = (source_of(data).read(row).targets for row in range(2))
    assert data.targets["boxes"].classes == ("cat", "dog")
    assert len(first["boxes"]) == len(first["keypoints"]) == 1
    assert len(first["poses"]) == 3
    assert data.targets["poses"] == meant
    assert second.keys() == {"keypoints", "poses"}


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        ("Left Eye,Right Eye,nose", ["Left Eye Right Eye"]),
        ("nose,LEFT_EYE,RIGHT_EYE", ["LEFT_EYE RIGHT_EYE"]),
        ("l_eye,r_eye,lip,rip", ["l_eye r_eye"]),
        ("REye,LEye,LEar,tail", ["LEye REye"]),
        ("eye-l,eye-r,eye.L,eye.R", ["eye-l eye-r", "eye.L eye.R"]),
        ("hl1,hr1,all,arr", []),
        ("leftmost,rightmost,cleft,cright", ["leftmost rightmost", "cleft cright"]),
    ],
)
def test_a_mirror_exchanges_names_of_two_sides(
    tmp_path: Path, names: str, pairs: list[str]
) -> None:
    pictures(tmp_path, "a.png")
    points = names.split(",")
    category = {"id": 1, "name": "person", "keypoints": points}
    said = [annotation(10, 1, (1, 1, 9, 9), keypoints=[3, 4, 2] * len(points))]
    write(tmp_path / "annotations.json", images("a.png"), said, [category])
    data = opened(tmp_path, val_fraction=0)
    assert [" ".join(pair) for pair in data.targets["keypoints"].mirrored] == pairs
    told = [note for note in data.notes() if note.startswith("a mirror exchanges none of the key")]
    assert len(told) == (not pairs)


def test_negatives_alone_have_no_poses_rather_than_unknown_ones(tmp_path: Path) -> None:
    for split in ("train", "val"):
        pictures(tmp_path / split, f"{split}.png")
        said = [annotation(10, 1, (1, 1, 9, 9), keypoints=[3, 4, 2] * 3)]
        write(tmp_path / split / "_annotations.coco.json", images(f"{split}.png"),
              said if split == "train" else [], persons())  # fmt: skip
    targets = source_of(opened(tmp_path), "val").read(0).targets
    assert targets["keypoints"].shape == targets["poses"].points.shape == (0, 3, 3)


def test_broken_keypoints(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    pictures(tmp_path, "a.png")
    said = [annotation(10, 1, (1, 1, 9, 9), keypoints=[1, 2, 2])]
    write(file, images("a.png"), said, persons())
    with pytest.raises(BadFile, match="has 3 numbers for 3 keypoints instead of 9"):
        source_of(opened(tmp_path, val_fraction=0)).read(0)
    for odd in ([1, 2, "2"] * 3, 5, [[1, 2, 2]] * 9, {"a": 1}):
        write(file, images("a.png"), [{**said[0], "keypoints": odd}], persons())
        with pytest.raises(BadFile, match=r"has keypoints that aren't a list of numbers"):
            source_of(opened(tmp_path, val_fraction=0)).read(0)
    write(file, images("a.png"), said, persons(keypoints=3))
    with pytest.raises(BadFile, match="names the keypoints of person in no list"):
        opened(tmp_path)
    write(file, images("a.png"), said, persons(skeleton=[[1, 9]]))
    with pytest.raises(UserError, match="has a skeleton that isn't pairs of keypoints, from 1"):
        opened(tmp_path)
    write(file, images("a.png"), said, persons(keypoints=[], skeleton=[]))
    assert opened(tmp_path, val_fraction=0).targets["keypoints"].classes == ("point0",)


@pytest.mark.parametrize(
    ("folder", "file", "number"),
    [
        ("coco", "test_coco.json", 17),
        ("300w", "test_300w.json", 68),
        ("wflw", "test_wflw.json", 98),
        ("ap10k", "test_ap10k.json", 17),
    ],
)
def test_the_real_keypoints(
    shared_data: Callable[[str], Path], folder: str, file: str, number: int
) -> None:
    root = shared_data("keypoint_json_samples") / folder
    data = opened(root, annotations={"train": file}, val_fraction=0)
    source = source_of(data)
    assert len(data.targets["keypoints"].classes) == number
    counted: list[int] = []
    for row in range(len(source)):
        targets = source.read(row).understood(data.targets).targets
        for (x1, y1, x2, y2), points in zip(
            targets["boxes"].xyxy, targets["keypoints"], strict=True
        ):
            known = points[points[:, 2] > 0, :2]
            # Annotators' boxes are not always around all of them.
            inside = (known > [x1 - 9, y1 - 9]) & (known < [x2 + 9, y2 + 9])
            assert not len(known) or inside.mean() > 0.7
        np.testing.assert_array_equal(targets["poses"].points, targets["keypoints"])
        np.testing.assert_array_equal(targets["poses"].xyxy, targets["boxes"].xyxy)
        counted += (targets["poses"].points[..., 2] > 0).sum(1).tolist()
    said = json.loads((root / file).read_text())["annotations"]
    assert sorted(counted) == sorted(one["num_keypoints"] for one in said)
