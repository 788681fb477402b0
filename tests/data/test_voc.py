from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from voc_factory import SHARED_DATA, make_voc, write_annotation, write_mask

from mtl.data.sample import IGNORE_LABEL, Boxes, Sample, Target
from mtl.data.sources.base import SPLITS, DataSet, Source
from mtl.data.sources.voc import VOC_CLASSES, Voc
from mtl.data.sources.voc_annotation import parse_annotation
from mtl.data.sources.voc_folder import VocFolder
from mtl.errors import UserError

XML = """<annotation><size><width>100</width><height>80</height></size>
<object><name> dog </name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30.5</xmax><ymax>40</ymax>
</bndbox><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>
</bndbox></part></object>
<object><part><name>hand</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>9</xmax><ymax>9</ymax>
</bndbox></part><name>person</name><difficult>1</difficult>
<bndbox><ymax>80</ymax><ymin>1</ymin><xmax>100</xmax><xmin>1</xmin></bndbox></object>
</annotation>"""


def _folder(root: Path, **options: object) -> VocFolder:
    data = VocFolder(root=str(root), image_size=32, **options)  # type: ignore[arg-type]
    data.prepare()
    return data


def _source(data: DataSet, split: str = "train") -> Source:
    source = data.split(split)  # type: ignore[arg-type]
    assert source is not None
    return source


def _boxes(sample: Sample) -> Boxes:
    boxes = sample.targets["boxes"]
    assert isinstance(boxes, Boxes)
    return boxes


def _ids(data: DataSet) -> dict[str, list[str]]:
    return {
        split: [Path(source.id(i)).stem for i in range(len(source))]
        for split in SPLITS
        if (source := data.split(split)) is not None
    }


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
    sample = _source(_folder(root)).read(0)
    assert sample.targets["label"] == 1  # the dog, though the difficult person is larger
    assert np.array_equal(sample.targets["labels"], [0, 1, IGNORE_LABEL])  # type: ignore[arg-type]
    assert _boxes(sample).difficult.tolist() == [False, True]
    assert _boxes(sample).labels.tolist() == [1, 2]


def test_types_and_targets(tmp_path: Path) -> None:
    data = _folder(make_voc(tmp_path))
    classes = ("car", "dog", "person")
    assert data.targets == {
        "label": Target("label", classes),
        "labels": Target("labels", classes),
        "boxes": Target("boxes", classes),
        "mask": Target("mask", ("background", *classes)),
    }
    sample = _source(data).read(0)
    boxes, mask, labels = _boxes(sample), sample.targets["mask"], sample.targets["labels"]
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
    source = _source(_folder(root))
    for size, factor in ((None, 1), (24, 2), (12, 4)):
        sample = source.read(0, size)
        assert sample.image.shape == (48 // factor, 64 // factor, 3)
        x1, y1, x2, y2 = _boxes(sample).xyxy[0].tolist()
        assert (x1, y1, x2, y2) == (16 / factor, 8 / factor, 48 / factor, 40 / factor)
        expected = np.zeros((48 // factor, 64 // factor), np.uint8)
        expected[int(y1) : int(y2), int(x1) : int(x2)] = 2
        assert np.array_equal(sample.targets["mask"], expected)  # type: ignore[arg-type]
        assert np.array_equal(sample.image[..., 0] > 100, expected > 0)


def test_annotations_equal_the_full_sample(tmp_path: Path) -> None:
    source = _source(_folder(make_voc(tmp_path)))
    for index in range(len(source)):
        cheap, whole = source.annotations(index), source.read(index).targets
        assert cheap.keys() == whole.keys()
        assert np.array_equal(cheap["boxes"].xyxy, _boxes(source.read(index)).xyxy)  # type: ignore[attr-defined]
        assert np.array_equal(cheap["mask"], whole["mask"])  # type: ignore[arg-type]


def test_lists_of_both_kinds_with_further_columns(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=4, n_test=0)
    (root / "ImageSets" / "Main" / "train.txt").write_text("train2  1\n\ntrain0 -1\n")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("train0\ntrain1\n")
    assert _ids(_folder(root)) == {"train": ["train2", "train0", "train1"], "val": ["val0", "val1"]}


def test_a_folder_of_masks_alone_needs_class_names(tmp_path: Path) -> None:
    root = make_voc(tmp_path)
    for file in (root / "Annotations").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"Annotations names no object .* give data\.classes="):
        _folder(root)
    (root / "Annotations").rmdir()
    data = _folder(root, classes=["a", "b", "c"])
    assert data.targets == {"mask": Target("mask", ("background", "a", "b", "c"))}
    assert set(_source(data).read(0).targets) == {"mask"}


def test_no_masks_no_mask_target(tmp_path: Path) -> None:
    data = _folder(make_voc(tmp_path, masks=False))
    assert set(data.targets) == {"label", "labels", "boxes"}
    assert set(_source(data).read(0).targets) == {"label", "labels", "boxes"}


def test_holding_out_is_fixed_and_splits_stay_apart(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=10, n_val=3, n_test=0, size=(16, 16), masks=False)
    splits = _ids(_folder(root, val_fraction=0.2))
    assert set(splits) == {"train", "val", "test"}
    assert sorted(splits["train"] + splits["val"]) == [f"train{i}" for i in range(10)]
    assert splits["test"] == ["val0", "val1", "val2"]
    assert splits == _ids(_folder(root, val_fraction=0.2))
    assert splits != _ids(_folder(root, val_fraction=0.2, split_seed=1))


def test_own_val_and_test_lists_stay_what_they_are(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=4, n_val=2, n_test=1, size=(16, 16))
    data = _folder(root, val_fraction=0.5)
    assert _ids(data) == _ids(_folder(root))
    assert [line for line in data.notes() if "val stays val" in line]


@pytest.mark.parametrize("lists", [("train",), ("train", "val"), ("train", "test")])
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_no_listed_sample_vanishes(tmp_path: Path, lists: tuple[str, ...], fraction: float) -> None:
    counts = {f"n_{split}": 4 if split in lists else 0 for split in SPLITS}
    data = _folder(make_voc(tmp_path, size=(16, 16), **counts), val_fraction=fraction)
    used = [name for names in _ids(data).values() for name in names]
    assert sorted(used) == sorted(f"{split}{i}" for split in lists for i in range(4))
    assert bool([n for n in data.notes() if "list" in n]) == (fraction > 0 and "val" in lists)


def test_images_in_no_list_are_counted(tmp_path: Path) -> None:
    root = make_voc(tmp_path, size=(16, 16))
    (root / "ImageSets" / "Main" / "val.txt").unlink()
    (root / "ImageSets" / "Segmentation" / "val.txt").unlink()
    assert [line for line in _folder(root).notes() if "2 images" in line and "val0, val1" in line]


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
        _folder(tmp_path, **options)


def test_incomplete_folders_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist; set data\.root="):
        _folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"has no folder JPEGImages; set data\.root="):
        _folder(tmp_path)
    root = make_voc(tmp_path / "a", n_train=0)
    with pytest.raises(UserError, match=r"Main/train\.txt does not exist; it must list"):
        _folder(root)
    (root / "ImageSets" / "Main" / "train.txt").write_text("\n")
    with pytest.raises(UserError, match=r"Main/train\.txt lists no image"):
        _folder(root)


def test_an_image_in_two_splits_is_refused(tmp_path: Path) -> None:
    root = make_voc(tmp_path)
    with (root / "ImageSets" / "Segmentation" / "test.txt").open("a") as file:
        file.write("train1\n")
    with pytest.raises(UserError, match=r"lists 'train1' in train and in test \(1 such image\)"):
        _folder(root)


def _devkit(tmp_path: Path, year: int = 2007, **options: int) -> Path:
    make_voc(tmp_path / "VOCdevkit" / f"VOC{year}", classes=VOC_CLASSES, **options)  # type: ignore[arg-type]
    return tmp_path


def _voc(root: Path, year: int = 2007, **options: object) -> Voc:
    data = Voc(root=str(root), year=year, image_size=32, **options)  # type: ignore[arg-type]
    data.prepare()
    return data


def test_voc_has_its_20_classes(tmp_path: Path) -> None:
    data = _voc(_devkit(tmp_path))
    assert data.targets["label"].classes == VOC_CLASSES
    assert len(data.targets["mask"].classes) == 21
    assert {split: len(ids) for split, ids in _ids(data).items()} == {
        "train": 4, "val": 2, "test": 2,
    }  # fmt: skip
    for split in SPLITS:
        source = _source(data, split)
        for index in range(len(source)):
            boxes, mask = _boxes(source.read(index)), source.read(index).targets["mask"]
            assert set(np.unique(mask)) - {0, 255} <= set(boxes.labels + 1)  # type: ignore[arg-type]


def test_voc_keeps_some_classes(tmp_path: Path) -> None:
    root = _devkit(tmp_path)
    folder = root / "VOCdevkit" / "VOC2007"
    write_annotation(folder, "train0", [("person", (1, 1, 9, 9)), ("cat", (1, 1, 40, 40))])
    write_annotation(folder, "train1", [("cat", (1, 1, 9, 9))])
    write_annotation(folder, "train2", [("bird", (1, 1, 9, 9))])
    write_annotation(folder, "train3", [])
    mask = np.full((48, 64), 0, np.uint8)
    mask[0, :4] = VOC_CLASSES.index("person") + 1, VOC_CLASSES.index("cat") + 1, 255, 3
    write_mask(folder, "train0", mask)
    data = _voc(root, classes=["person", "bird"])
    assert data.targets["mask"].classes == ("background", "person", "bird")
    assert _ids(data)["train"] == ["train0", "train2"]
    sample = _source(data).read(0)
    assert _boxes(sample).xyxy.tolist() == [[0, 0, 9, 9]]
    assert sample.targets["label"] == 0
    assert sample.targets["mask"][0, :4].tolist() == [1, 0, 255, 2]  # type: ignore[index]
    assert _source(data).read(1).targets["label"] == 1


def test_no_choice_of_classes_moves_an_image_between_splits(tmp_path: Path) -> None:
    root = _devkit(tmp_path, n_train=20, size=(16, 16))
    everything = _ids(_voc(root, val_fraction=0.2))
    some = _ids(_voc(root, val_fraction=0.2, classes=list(VOC_CLASSES[:10])))
    assert set(some["train"]) < set(everything["train"])
    assert set(some["val"]) <= set(everything["val"])


def test_voc_2012_tests_on_the_official_val(tmp_path: Path) -> None:
    root = _devkit(tmp_path, 2012)
    assert set(_ids(_voc(root, 2012))) == {"train", "val"}
    splits = _ids(_voc(root, 2012, val_fraction=0.25))
    assert splits["test"] == ["val0", "val1"]
    assert len(splits["val"]) == 1


def test_voc_main_decides_where_segmentation_differs(tmp_path: Path) -> None:
    root = _devkit(tmp_path)
    lists = root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Segmentation"
    (lists / "val.txt").write_text("train1\nval0\n")
    splits = _ids(_voc(root))
    assert "train1" in splits["train"]
    assert splits["val"] == ["val0", "val1"]


def test_voc_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no VOCdevkit/VOC2007; get it by data\.download=true or"):
        _voc(tmp_path)
    with pytest.raises(UserError, match=r"'aeroplan' is no VOC class; did you mean 'aeroplane'\?"):
        _voc(tmp_path, classes=["person", "aeroplan"])
    with pytest.raises(UserError, match=r"'xyz' is no VOC class; known: aeroplane, bicycle"):
        _voc(tmp_path, classes=["xyz"])
    with pytest.raises(UserError, match=r"data\.year=2009 must be one of 2007, 2012"):
        _voc(tmp_path, 2009)


def test_voc_downloads_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def fetch(root: str, year: str, image_set: str, download: bool) -> None:
        assert download
        asked.append((year, image_set))
        _devkit(Path(root), n_test=0 if image_set == "trainval" else 2)

    monkeypatch.setattr("torchvision.datasets.VOCDetection", fetch)
    data = _voc(tmp_path, download=True)
    assert asked == [("2007", "trainval"), ("2007", "test")]
    assert set(_ids(data)) == set(SPLITS)
    _voc(tmp_path, download=True)
    assert len(asked) == 2


def test_failed_download_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr("torchvision.datasets.VOCDetection", fetch)
    with pytest.raises(UserError, match=r"could not be downloaded .*\(no route to host\); unpack"):
        _voc(tmp_path, download=True)


@pytest.mark.skipif(not (SHARED_DATA / "bccd").is_dir(), reason="no shared data: bccd")
def test_blood_cells() -> None:
    data = _folder(SHARED_DATA / "bccd")
    assert data.targets["boxes"].classes == ("Platelets", "RBC", "WBC")
    assert set(data.targets) == {"label", "labels", "boxes"}
    assert {split: len(ids) for split, ids in _ids(data).items()} == {"train": 205, "val": 87}
    counts = np.zeros(3, int)
    for split in ("train", "val"):
        source = _source(data, split)
        for index in range(len(source)):
            boxes = source.annotations(index)["boxes"]
            assert isinstance(boxes, Boxes)
            assert (boxes.xyxy[:, :2] < boxes.xyxy[:, 2:]).all()
            counts += np.bincount(boxes.labels, minlength=3)
    assert counts.tolist() == [292, 3350, 301]
    sample = _source(data).read(0, 224)
    assert sample.image.shape == (240, 320, 3)
    assert _boxes(sample).xyxy.max() <= 320


@pytest.mark.skipif(not (SHARED_DATA / "pennfudan").is_dir(), reason="no shared data: pennfudan")
def test_pedestrians() -> None:
    data = _folder(SHARED_DATA / "pennfudan")
    assert data.targets["mask"].classes == ("background", "person")
    assert {split: len(ids) for split, ids in _ids(data).items()} == {
        "train": 50, "val": 15, "test": 15,
    }  # fmt: skip
    source = _source(data, "test")
    for index in range(len(source)):
        sample = source.read(index, 128)
        mask = sample.targets["mask"]
        assert isinstance(mask, np.ndarray)
        assert mask.shape == sample.image.shape[:2]
        assert set(np.unique(mask)) <= {0, 1, 255}
        x1, y1, x2, y2 = _boxes(sample).xyxy[0].round().astype(int)
        assert (mask[y1:y2, x1:x2] == 1).mean() > 0.2
