from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS
from mtl.data.sources.image_folder import ImageFolder
from mtl.errors import UserError


def _write(folder: Path, counts: dict[str, int]) -> None:
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (12, 8), (number, 0, 0)).save(folder / name / f"{number:02}.png")


def _ids(data: ImageFolder) -> dict[str, list[str]]:
    return {
        split: [source.id(i) for i in range(len(source))]
        for split in SPLITS
        if (source := data.split(split)) is not None
    }


def test_class_folders_are_split_class_by_class(tmp_path: Path) -> None:
    _write(tmp_path, {"dog": 5, "cat": 9})
    (tmp_path / ".cache").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    data = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0.2, test_fraction=0.3)
    data.prepare()
    assert data.targets == {"label": Target("label", ("cat", "dog"))}
    splits = _ids(data)
    assert [(s, sum("cat" in i for i in ids), len(ids)) for s, ids in splits.items()] == [
        ("train", 4, 6), ("val", 2, 3), ("test", 3, 5),
    ]  # fmt: skip
    assert len({i for ids in splits.values() for i in ids}) == 14
    again = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0.2, test_fraction=0.3)
    assert _ids(again) == splits
    other = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0.2, split_seed=3)
    assert _ids(other)["val"] != splits["val"]


def test_samples_carry_their_folders_label(tmp_path: Path) -> None:
    _write(tmp_path, {"cat": 2, "dog": 2})
    source = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0).split("train")
    assert source is not None
    assert [source.read(i).targets for i in range(4)] == [{"label": n} for n in (0, 0, 1, 1)]
    assert source.annotations(3) == {"label": 1}
    assert source.read(1).image.shape == (8, 12, 3)
    assert np.array_equal(source.read(1).image[0, 0], [1, 0, 0])


def test_own_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    _write(tmp_path / "train", {"cat": 4, "dog": 4})
    _write(tmp_path / "val", {"cat": 1, "dog": 1})
    data = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0.2, test_fraction=0.25)
    assert {split: len(ids) for split, ids in _ids(data).items()} == {
        "train": 6, "val": 2, "test": 2,
    }  # fmt: skip


def test_without_val_there_is_none(tmp_path: Path) -> None:
    _write(tmp_path, {"cat": 4})
    assert set(_ids(ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0))) == {"train"}


def test_mistakes(tmp_path: Path) -> None:
    def prepare(**options: float) -> None:
        ImageFolder(root=str(tmp_path / "a"), image_size=8, **options).prepare()  # type: ignore[arg-type]

    with pytest.raises(UserError, match=r"a does not exist; set data\.root="):
        prepare()
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match=r"a has no folders; put the images of each class into one"):
        prepare()
    _write(tmp_path / "a" / "train", {"cat": 0, "dog": 0})
    with pytest.raises(UserError, match=r"train has no image \(\.jpg"):
        prepare()
    _write(tmp_path / "a" / "test", {"cat": 1})
    with pytest.raises(UserError, match=r"the class 'dog' is in only one of .*train and .*test"):
        prepare()
    with pytest.raises(UserError, match=r"data\.val_fraction=-0.1 must be at least 0 and below 1"):
        prepare(val_fraction=-0.1)
    with pytest.raises(UserError, match=r"data\.val_fraction \+ data\.test_fraction=1.2 must be"):
        prepare(val_fraction=0.6, test_fraction=0.6)
