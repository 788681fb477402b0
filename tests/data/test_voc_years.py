"""The data sets VOC 2007 and 2012 themselves."""

from pathlib import Path

import numpy as np
import pytest
from voc_factory import make_voc, write_annotation, write_mask
from voc_kit import boxes_of, ids_of, split_of

from mtl.data.sources.base import SPLITS
from mtl.data.sources.voc import VOC_CLASSES, Voc
from mtl.errors import UserError


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
    assert {split: len(ids) for split, ids in ids_of(data).items()} == {
        "train": 4, "val": 2, "test": 2,
    }  # fmt: skip
    for split in SPLITS:
        source = split_of(data, split)
        for index in range(len(source)):
            boxes, mask = boxes_of(source.read(index)), source.read(index).targets["mask"]
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
    assert ids_of(data)["train"] == ["train0", "train2"]
    sample = split_of(data).read(0)
    assert boxes_of(sample).xyxy.tolist() == [[0, 0, 9, 9]]
    assert sample.targets["label"] == 0
    assert sample.targets["mask"][0, :4].tolist() == [1, 0, 255, 2]  # type: ignore[index]
    assert split_of(data).read(1).targets["label"] == 1


def test_no_choice_of_classes_moves_an_image_between_splits(tmp_path: Path) -> None:
    root = _devkit(tmp_path, n_train=20, size=(16, 16))
    everything = ids_of(_voc(root, val_fraction=0.2))
    some = ids_of(_voc(root, val_fraction=0.2, classes=list(VOC_CLASSES[:10])))
    assert set(some["train"]) < set(everything["train"])
    assert set(some["val"]) <= set(everything["val"])


def test_voc_2012_tests_on_the_official_val(tmp_path: Path) -> None:
    root = _devkit(tmp_path, 2012)
    assert set(ids_of(_voc(root, 2012))) == {"train", "val"}
    splits = ids_of(_voc(root, 2012, val_fraction=0.25))
    assert splits["test"] == ["val0", "val1"]
    assert len(splits["val"]) == 1


def test_voc_main_decides_where_segmentation_differs(tmp_path: Path) -> None:
    root = _devkit(tmp_path)
    lists = root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Segmentation"
    (lists / "val.txt").write_text("train1\nval0\n")
    splits = ids_of(_voc(root))
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
    assert set(ids_of(data)) == set(SPLITS)
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
