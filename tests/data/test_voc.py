from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from voc_factory import SHARED_DATA, make_voc, write_annotation, write_mask
from voc_kit import boxes_of, ids_of, opened, split_of

from mtl.data.sample import IGNORE_LABEL, Boxes, Target
from mtl.data.sources.base import SPLITS
from mtl.data.sources.voc_annotation import parse_annotation
from mtl.errors import UserError

XML = """<annotation><size><width>100</width><height>80</height></size>
<object><name> dog </name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30.5</xmax><ymax>40</ymax>
</bndbox><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>
</bndbox></part></object>
<object><part><name>hand</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>9</xmax><ymax>9</ymax>
</bndbox></part><name>person</name><difficult>1</difficult>
<bndbox><ymax>80</ymax><ymin>1</ymin><xmax>100</xmax><xmin>1</xmin></bndbox></object>
</annotation>"""


def test_annotation_becomes_0_based_half_open_without_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(XML)
    parsed = parse_annotation(path)
    assert parsed.size == (100, 80)
    assert [(o.name, o.difficult, o.box) for o in parsed.objects] == [
        ("dog", False, (10, 20, 30.5, 40)),
        ("person", True, (0, 0, 100, 80)),
    ]


def test_difficult_objects_are_neither_label_nor_positive(tmp_path: Path) -> None:
    root = make_voc(tmp_path, size=(100, 80))
    (root / "Annotations" / "train0.xml").write_text(XML)
    sample = split_of(opened(root)).read(0)
    assert sample.targets["label"] == 1  # the dog, though the difficult person is larger
    assert np.array_equal(sample.targets["labels"], [0, 1, IGNORE_LABEL])  # type: ignore[arg-type]
    assert boxes_of(sample).difficult.tolist() == [False, True]
    assert boxes_of(sample).labels.tolist() == [1, 2]


def test_types_and_targets(tmp_path: Path) -> None:
    data = opened(make_voc(tmp_path))
    classes = ("car", "dog", "person")
    assert data.targets == {
        "label": Target("label", classes),
        "labels": Target("labels", classes),
        "boxes": Target("boxes", classes),
        "mask": Target("mask", ("background", *classes)),
    }
    sample = split_of(data).read(0)
    boxes, mask, labels = boxes_of(sample), sample.targets["mask"], sample.targets["labels"]
    assert isinstance(mask, np.ndarray)
    assert isinstance(labels, np.ndarray)
    assert (boxes.xyxy.dtype, boxes.labels.dtype) == (np.float32, np.int64)
    assert (mask.dtype, labels.dtype) == (np.uint8, np.int8)
    assert type(sample.targets["label"]) is int
    assert sample.id == str(tmp_path / "JPEGImages" / "train0.jpg")


def test_image_boxes_and_mask_agree_also_at_reduced_size(tmp_path: Path) -> None:
    root = make_voc(tmp_path, size=(64, 48))
    write_annotation(root, "train0", [("dog", (17, 9, 48, 40))])
    mask = np.zeros((48, 64), np.uint8)
    mask[8:40, 16:48] = 2
    write_mask(root, "train0", mask)
    Image.fromarray(np.repeat(100 * mask[..., None], 3, -1)).save(
        root / "JPEGImages" / "train0.jpg", quality=95
    )
    source = split_of(opened(root))
    for size, factor in ((None, 1), (24, 2), (12, 4)):
        sample = source.read(0, size)
        assert sample.image.shape == (48 // factor, 64 // factor, 3)
        x1, y1, x2, y2 = boxes_of(sample).xyxy[0].tolist()
        assert (x1, y1, x2, y2) == (16 / factor, 8 / factor, 48 / factor, 40 / factor)
        expected = np.zeros((48 // factor, 64 // factor), np.uint8)
        expected[int(y1) : int(y2), int(x1) : int(x2)] = 2
        assert np.array_equal(sample.targets["mask"], expected)  # type: ignore[arg-type]
        assert np.array_equal(sample.image[..., 0] > 100, expected > 0)


def test_annotations_equal_the_full_sample(tmp_path: Path) -> None:
    source = split_of(opened(make_voc(tmp_path)))
    for index in range(len(source)):
        cheap, whole = source.annotations(index), source.read(index).targets
        assert cheap.keys() == whole.keys()
        assert np.array_equal(cheap["boxes"].xyxy, boxes_of(source.read(index)).xyxy)  # type: ignore[attr-defined]
        assert np.array_equal(cheap["mask"], whole["mask"])  # type: ignore[arg-type]


def test_lists_of_both_kinds_with_further_columns(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=4, n_test=0)
    (root / "ImageSets" / "Main" / "train.txt").write_text("train2  1\n\ntrain0 -1\n")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("train0\ntrain1\n")
    assert ids_of(opened(root)) == {
        "train": ["train2", "train0", "train1"],
        "val": ["val0", "val1"],
    }


def test_a_folder_of_masks_alone_needs_class_names(tmp_path: Path) -> None:
    root = make_voc(tmp_path)
    for file in (root / "Annotations").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"Annotations names no object .* give data\.classes="):
        opened(root)
    (root / "Annotations").rmdir()
    data = opened(root, classes=["a", "b", "c"])
    assert data.targets == {"mask": Target("mask", ("background", "a", "b", "c"))}
    assert set(split_of(data).read(0).targets) == {"mask"}


def test_no_masks_no_mask_target(tmp_path: Path) -> None:
    data = opened(make_voc(tmp_path, masks=False))
    assert set(data.targets) == {"label", "labels", "boxes"}
    assert set(split_of(data).read(0).targets) == {"label", "labels", "boxes"}


def test_holding_out_is_fixed_and_splits_stay_apart(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=10, n_val=3, n_test=0, size=(16, 16), masks=False)
    splits = ids_of(opened(root, val_fraction=0.2))
    assert set(splits) == {"train", "val", "test"}
    assert sorted(splits["train"] + splits["val"]) == [f"train{i}" for i in range(10)]
    assert splits["test"] == ["val0", "val1", "val2"]
    assert splits == ids_of(opened(root, val_fraction=0.2))
    assert splits != ids_of(opened(root, val_fraction=0.2, split_seed=1))


def test_own_val_and_test_lists_stay_what_they_are(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=4, n_val=2, n_test=1, size=(16, 16))
    data = opened(root, val_fraction=0.5)
    assert ids_of(data) == ids_of(opened(root))
    assert [line for line in data.notes() if "val stays val" in line]


@pytest.mark.parametrize("lists", [("train",), ("train", "val"), ("train", "test")])
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_no_listed_sample_vanishes(tmp_path: Path, lists: tuple[str, ...], fraction: float) -> None:
    counts = {f"n_{split}": 4 if split in lists else 0 for split in SPLITS}
    data = opened(make_voc(tmp_path, size=(16, 16), **counts), val_fraction=fraction)
    used = [name for names in ids_of(data).values() for name in names]
    assert sorted(used) == sorted(f"{split}{i}" for split in lists for i in range(4))
    assert bool([n for n in data.notes() if "list" in n]) == (fraction > 0 and "val" in lists)


def test_images_in_no_list_are_counted(tmp_path: Path) -> None:
    root = make_voc(tmp_path, size=(16, 16))
    (root / "ImageSets" / "Main" / "val.txt").unlink()
    (root / "ImageSets" / "Segmentation" / "val.txt").unlink()
    assert [line for line in opened(root).notes() if "2 images" in line and "val0, val1" in line]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_fraction": 1.0}, r"data\.val_fraction=1.0 must be at least 0 and below 1"),
        ({"others": "skip"}, r"data\.others=skip must be one of error, drop"),
        ({"classes": []}, r"data\.classes=\[\] must name at least one class"),
        ({"classes": ["a", "a"]}, r"data\.classes names 'a' twice"),
    ],
)
def test_options_out_of_range(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        opened(tmp_path, **options)


def test_incomplete_folders_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist; set data\.root="):
        opened(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"has no folder JPEGImages; set data\.root="):
        opened(tmp_path)
    root = make_voc(tmp_path / "a", n_train=0)
    with pytest.raises(UserError, match=r"Main/train\.txt does not exist; it must list"):
        opened(root)
    (root / "ImageSets" / "Main" / "train.txt").write_text("\n")
    with pytest.raises(UserError, match=r"Main/train\.txt lists no image"):
        opened(root)


def test_an_image_in_two_splits_is_refused(tmp_path: Path) -> None:
    root = make_voc(tmp_path)
    with (root / "ImageSets" / "Segmentation" / "test.txt").open("a") as file:
        file.write("train1\n")
    with pytest.raises(UserError, match=r"lists 'train1' in train and in test \(1 such image\)"):
        opened(root)


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED_DATA / "bccd").is_dir(), reason="no shared data: bccd")
def test_blood_cells() -> None:
    data = opened(SHARED_DATA / "bccd")
    assert data.targets["boxes"].classes == ("Platelets", "RBC", "WBC")
    assert set(data.targets) == {"label", "labels", "boxes"}
    assert {split: len(ids) for split, ids in ids_of(data).items()} == {"train": 205, "val": 87}
    counts = np.zeros(3, int)
    for split in ("train", "val"):
        source = split_of(data, split)
        for index in range(len(source)):
            boxes = source.annotations(index)["boxes"]
            assert isinstance(boxes, Boxes)
            assert (boxes.xyxy[:, :2] < boxes.xyxy[:, 2:]).all()
            counts += np.bincount(boxes.labels, minlength=3)
    assert counts.tolist() == [292, 3350, 301]
    sample = split_of(data).read(0, 224)
    assert sample.image.shape == (240, 320, 3)
    assert boxes_of(sample).xyxy.max() <= 320


@pytest.mark.skipif(not (SHARED_DATA / "pennfudan").is_dir(), reason="no shared data: pennfudan")
def test_pedestrians() -> None:
    data = opened(SHARED_DATA / "pennfudan")
    assert data.targets["mask"].classes == ("background", "person")
    assert {split: len(ids) for split, ids in ids_of(data).items()} == {
        "train": 50, "val": 15, "test": 15,
    }  # fmt: skip
    source = split_of(data, "test")
    for index in range(len(source)):
        sample = source.read(index, 128)
        mask = sample.targets["mask"]
        assert isinstance(mask, np.ndarray)
        assert mask.shape == sample.image.shape[:2]
        assert set(np.unique(mask)) <= {0, 1, 255}
        x1, y1, x2, y2 = boxes_of(sample).xyxy[0].round().astype(int)
        assert (mask[y1:y2, x1:x2] == 1).mean() > 0.2
