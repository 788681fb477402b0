"""YOLO data sets: what is in them, and what is wrong with some."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtl.data.sources.base import SPLITS
from mtl.data.sources.yolo import YoloSet
from mtl.data.sources.yolo_layout import label_file, looks_like_yolo
from mtl.data.sources.yolo_source import YoloSource
from mtl.errors import BadFile, UserError

NAMES = "names: {7: dog, 3: cat}\n"


def made(root: Path, yaml: str | None = f"train: images\n{NAMES}", **labels: str | None) -> Path:
    """Images of 20 by 10 pixels, each with a label file of this text."""
    for name, text in labels.items():
        image = root / "images" / f"{name}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(image)
        if text is not None:
            file = root / "labels" / f"{name}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    if yaml is not None:
        (root / "data.yaml").write_text(yaml)
    return root


def opened(root: Path, **options: Any) -> YoloSet:
    data = YoloSet(root=str(root), image_size=16, **options)
    data.prepare()
    return data


def source_of(data: YoloSet, split: Any = "train") -> YoloSource:
    source = data.split(split)
    assert source is not None
    return source


def one(root: Path, **options: Any) -> dict[str, Any]:
    """The targets of the first image."""
    return dict(source_of(opened(root, val_fraction=0, **options)).read(0).targets)


def test_boxes_by_hand(tmp_path: Path) -> None:
    # The second reaches out of the image, the third is the first once more, the last has no width.
    text = "7 0.5 0.5 0.2 0.4\n3.0 0.95 0.5 0.2 1\n7 0.5 0.5 0.2 0.4\n3 0.1 0.1 0 0.5\n"
    targets = one(made(tmp_path, a=text))
    np.testing.assert_allclose(targets["boxes"].xyxy, [[8, 3, 12, 7], [17, 0, 20, 10]], atol=1e-5)
    assert targets["boxes"].labels.tolist() == [1, 0]  # by their numbers: cat, dog
    assert targets["labels"].tolist() == [1, 1]
    assert targets["label"] == 0
    assert "instances" not in targets


def test_polygons_by_hand(tmp_path: Path) -> None:
    square = "7 0.1 0.2 0.3 0.2 0.3 0.8 0.1 0.8"
    data = opened(made(tmp_path, a=square, b="3 0.5 0.5 0.2 0.2", c=""), val_fraction=0)
    source = source_of(data)
    first, second, third = (source.read(row).targets for row in range(3))
    np.testing.assert_allclose(first["boxes"].xyxy, [[2, 2, 6, 8]], atol=1e-5)
    (mask,) = first["instances"].masks.whole
    assert mask.sum() == mask[2:8, 2:6].sum() == 24
    assert "instances" not in second  # a box alone
    assert len(third["instances"]) == 0
    half = source.read(0, size=5)
    assert half.image.shape == (10, 20, 3)  # a PNG is decoded whole


def test_poses_by_hand(tmp_path: Path) -> None:
    yaml = f"train: images\n{NAMES}kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\n"
    text = "7 0.5 0.5 1 1 0.1 0.2 2 0 0 0 0.5 0.5 1"
    root = made(tmp_path, yaml, a=text)
    targets = one(root)
    np.testing.assert_allclose(
        targets["keypoints"], [[[2, 2, 2], [0, 0, 0], [10, 5, 1]]], atol=1e-5
    )
    np.testing.assert_array_equal(targets["poses"].points, targets["keypoints"])
    np.testing.assert_array_equal(targets["poses"].xyxy, [[0, 0, 20, 10]])
    meant = opened(root, val_fraction=0).targets
    assert meant["keypoints"].classes == ("point0", "point1", "point2")
    assert meant["poses"].classes == ("cat", "dog")
    for target in (meant["keypoints"], meant["poses"]):
        assert target.points == ("point0", "point1", "point2")
        assert target.mirrored == (("point0", "point1"),)
    (root / "labels/a.txt").write_text("7 0.5 0.5 1 1 0.1 0.2")
    with pytest.raises(BadFile, match="has 7 columns; with 3 keypoints of 3 numbers it has 14"):
        one(root)


def test_without_flip_idx_names_tell_what_a_mirror_exchanges(tmp_path: Path) -> None:
    yaml = f"train: images\n{NAMES}kpt_shape: [3, 3]\n"
    root = made(tmp_path, yaml, a="7 0.5 0.5 1 1 0.1 0.2 2 0 0 0 0.5 0.5 1")
    data = opened(root, val_fraction=0)
    assert data.targets["poses"].mirrored == ()
    assert any(note.startswith("a mirror exchanges none of the keypoints") for note in data.notes())
    (root / "data.yaml").write_text(f"{yaml}kpt_names: {{0: [nose, left ear, right ear]}}\n")
    data = opened(root, val_fraction=0)
    assert data.targets["poses"].mirrored == (("left ear", "right ear"),)
    assert data.notes() == []


def test_poses_without_visibility(tmp_path: Path) -> None:
    yaml = f"train: images\n{NAMES}kpt_shape: [2, 2]\nkpt_names: {{0: [nose, tail]}}\n"
    root = made(tmp_path, yaml, a="7 0.5 0.5 1 1 0.1 0.2 0 0", b="")
    data = opened(root, val_fraction=0)
    assert data.targets["keypoints"].classes == ("nose", "tail")
    found = source_of(data).read(0).targets["keypoints"]
    np.testing.assert_allclose(found, [[[2, 2, 2], [0, 0, 0]]], atol=1e-5)
    second = source_of(data).read(1).targets
    assert second["keypoints"].shape == second["poses"].points.shape == (0, 2, 3)


def test_generated_poses_are_counted_as_they_were_written(tmp_path: Path) -> None:
    """Stick figures, some of whose points nobody knows, and a class that is not asked for."""
    rng, texts, wanted = np.random.default_rng(3), {}, {}
    for name in "abcd":
        lines, wanted[name] = [], []
        for _ in range(int(rng.integers(0, 5))):
            number, points = int(rng.choice([7, 3])), rng.uniform(0.1, 0.9, (4, 2))
            seen = rng.integers(0, 3, 4)
            middle, size = (points.max(0) + points.min(0)) / 2, np.ptp(points, 0)
            columns = [*middle, *size, *np.column_stack([points * (seen[:, None] > 0), seen]).flat]
            lines.append(" ".join([str(number), *(f"{value:.6f}" for value in columns)]))
            wanted[name] += [(seen > 0).sum()] if number == 7 else []
        texts[name] = "\n".join(lines)
    root = made(tmp_path, f"train: images\n{NAMES}kpt_shape: [4, 3]\n", **texts)
    data = opened(root, val_fraction=0, classes=["dog"])
    source = source_of(data)
    assert sum(map(len, wanted.values())) > 2
    for row in range(len(source)):
        value = source.read(row).understood(data.targets).targets["poses"]
        known = (value.points[..., 2] > 0).sum(1).tolist()
        assert known == wanted[Path(source.id(row)).stem]


def test_a_missing_label_file_is_background_or_unlabelled(tmp_path: Path) -> None:
    root = made(tmp_path, a=None, b="7 0.5 0.5 1 1")
    (root / "labels/alone.txt").write_text("")
    data = opened(root, val_fraction=0)
    targets = source_of(data).read(0).targets
    assert len(targets["boxes"]) == 0
    assert targets["labels"].tolist() == [0, 0]
    assert data.notes() == [
        "1 image without a label file, taken as background; data.missing=unlabelled says nothing "
        "of them",
        "1 label file without an image is not read: alone.txt",
    ]
    assert one(root, missing="unlabelled") == {}


def test_images_that_share_a_label_file_are_told(tmp_path: Path) -> None:
    root = made(tmp_path, a="7 0.5 0.5 0.2 0.4\n", b="")
    Image.new("RGB", (20, 10)).save(root / "images/a.bmp")
    assert opened(root, val_fraction=0).notes() == [
        "1 label file is of several images, which differ by their endings alone, such as "
        f"{root / 'labels/a.txt'}"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7 0.5 0.5 0.2", "object 1 has 4 columns; a box has 5, a polygon 7 or more, an odd"),
        ("\0007 0.5 0.5 0.2 0.25", "is text in an unknown encoding; save it as UTF-8"),
        ("7 0.5 0.5 0.2 0.2 0.9", "object 1 has 6 columns"),
        ("7 0.5 0.5 0.2 0.2\ndog 0.5 0.5 1 1", "object 2 isn't made of numbers: dog 0.5 0.5 1 1"),
        ("7.5 0.5 0.5 1 1", "object 1 begins with 7.5, which is no class's number"),
        ("nan 0.5 0.5 1 1", "object 1 begins with nan, which is no class's number"),
        ("7 320 240 64 48", "object 1 has 320; places are shares of the image's sides, 0 to 1"),
        ("7 nan 0.5 1 1", "object 1 has nan; places are shares"),
        ("5 0.5 0.5 1 1", r"has an object of class 5; data.yaml names 3 to 7, with gaps"),
    ],
)
def test_broken_label_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadFile, match=rf"a\.txt: {message}"):
        one(made(tmp_path, a=text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a", "is no yaml"),
        ("train: images", "has no names"),
        ("- a", "has no names"),
        ("names: 3", "has names that are neither a list nor"),
        ("names: {dog: 1}", "numbers a class 'dog'; classes have whole numbers from 0"),
        ("names: [a, a]", "names the class 'a' twice"),
        ("names: [a]\nnc: 2", "says nc: 2, but names 1 classes"),
        ("names: [a]\ntrain: {a: 1}", "has train that is neither a folder"),
        ("names: [a]\nkpt_shape: 17", r"has kpt_shape: 17; it is \[NUMBER, 2\] or \[NUMBER, 3\]"),
        ("names: [a]\nkpt_shape: [2, 3]\nflip_idx: [0]", "has flip_idx that doesn't order 2"),
        ("names: [a]\nkpt_shape: [.nan, 3]", r"has kpt_shape: \[nan, 3\]; it is"),
        ("names: [a]\nkpt_shape: [2, 3]\nflip_idx: [[0], 1]", "has flip_idx that doesn't order 2"),
        (f"names: [a]\ntrain: {'x' * 300}", "train says x+, and "),
        ("names: [a]\ntrain: gone", "train says gone, and .*gone does not exist"),
        ("names: !!python/object/apply:os.getcwd []", "is no yaml"),
    ],
)
def test_broken_descriptions(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"data\.yaml: {message}"):
        opened(made(tmp_path, text, a=""))


def test_splits_are_folders_lists_of_folders_or_text_files(tmp_path: Path) -> None:
    names = [f"{letter}/{number}" for letter in "abc" for number in range(4)]
    for name in names:
        for part in ("images", "labels"):
            (tmp_path / part / name).parent.mkdir(parents=True, exist_ok=True)
    made(tmp_path, None, **dict.fromkeys(names, ""))
    (tmp_path / "val.txt").write_text("./images/c/0.png\nimages/c/1.png\n")

    def splits(yaml: str) -> dict[str, list[str]]:
        (tmp_path / "data.yaml").write_text(f"{yaml}\nnames: [a]\n")
        data = opened(tmp_path, val_fraction=0)
        sources = {split: data.split(split) for split in SPLITS}
        return {
            split: [f"{path.parent.name}/{path.stem}" for path in source.images]
            for split, source in sources.items()
            if source is not None
        }

    assert splits("path: /nowhere\ntrain: [images/a, images/b]\nval: val.txt") == {
        "train": names[:8],
        "val": ["c/0", "c/1"],
    }
    assert splits("path: images\ntrain: ../images/a\nvalid: b\ntest:") == {
        "train": names[:4],
        "val": names[4:8],
    }
    assert splits("download: 'import os; os.abort()'\ntrain: images\nval: images") == {
        "train": names
    }
    with pytest.raises(UserError, match=r"images/b/0\.png is in train and in val"):
        splits("train: [images/a, images/b]\nval: [images/b, images/c]")


def test_without_a_yaml_folders_and_a_list_tell(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        made(tmp_path / split, None, a="1 0.5 0.5 1 1")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    data = opened(tmp_path)
    assert data.targets["boxes"].classes == ("cat", "dog")
    assert source_of(data, "val").images == [tmp_path / "valid/images/a.png"]
    assert source_of(data).read(0).targets["label"] == 1
    assert looks_like_yolo(tmp_path)
    (tmp_path / "classes.txt").unlink()
    assert not looks_like_yolo(tmp_path)
    with pytest.raises(UserError, match=r"has neither data\.yaml nor classes\.txt"):
        opened(tmp_path)


def test_the_last_folder_images_is_replaced() -> None:
    root = Path("/images/data")
    assert label_file(root / "images/train/a.b.jpg", root, "labels") == (
        root / "labels/train/a.b.txt"
    )
    assert label_file(root / "images/x/images/a.jpg", root, "l") == root / "images/x/l/a.txt"
    assert label_file(root / "train/a.jpg", root, "labels") == root / "train/a.txt"


def test_options_that_name_nothing(tmp_path: Path) -> None:
    root = made(tmp_path, a="7 0.5 0.5 1 1")
    with pytest.raises(UserError, match="no class 'dgo'; did you mean 'dog'"):
        opened(root, classes=["dgo"], val_fraction=0)
    with pytest.raises(UserError, match=r"data\.description=x\.yaml: .* has no such file"):
        opened(root, description="x.yaml")
    with pytest.raises(UserError, match=r"a\.txt does not exist, nor any other label file"):
        opened(root, labels="label", val_fraction=0)
    (root / "other.yaml").write_text(NAMES)
    (root / "data.yaml").rename(root / "mine.yaml")
    with pytest.raises(UserError, match=r"has mine\.yaml, other\.yaml; data\.description=FILE"):
        opened(root)
    assert one(root, description="mine.yaml", classes=["dog"])["boxes"].labels.tolist() == [0]


@pytest.mark.parametrize(("labels", "gaps"), [("labels", False), ("labels_polygons", True)])
def test_the_real_files(shared_data: Callable[[str], Path], labels: str, gaps: bool) -> None:
    """Lines counted once more from the text itself."""
    root = shared_data("coco128")
    data = opened(root, labels=labels)
    for split, number in (("train", 98), ("val", 50)):
        texts = sorted((root / labels / f"{split}2017").glob("*.txt"))
        rows = {(file, line) for file in texts for line in file.read_text().splitlines()}
        truth = Counter(int(line.split()[0]) for _, line in rows)
        source = source_of(data, split)
        assert len(source) == number
        assert ("instances" in data.targets) == gaps
        found: Counter[int] = Counter()
        numbers = list(source.description.names)
        source.polygons = False
        for row in range(number):
            found.update(numbers[i] for i in source.annotations(row)["boxes"].labels)  # type: ignore[attr-defined]
        assert found == truth
    polygons = source_of(data, "val").read(0).targets.get("instances")
    assert (polygons is not None) == gaps
    if polygons is not None:
        # What is thinner than a pixel is in the box alone.
        assert np.abs(polygons.masks.xyxy - polygons.xyxy).mean() < 0.2
