"""CIFAR's files, written by the tests in the published layout, and read without trust."""

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from mtl.data.sources import cifar_files
from mtl.data.sources.base import SPLITS, ArraySource
from mtl.data.sources.cifar import Cifar10, Cifar10And100, Cifar100, Cifar100By20
from mtl.errors import BadFile, UserError

REAL = Path(
    os.environ.get("MTL_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)
NAMES = [f"class{i}" for i in range(10)]


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def images(count: int, start: int) -> np.ndarray:
    """Rows of planes, red then green then blue; each image's first pixel says which one it is."""
    data = np.zeros((count, 3, 32, 32), np.uint8)
    data[:, 0, 0, 0] = np.arange(start, start + count)
    data[:, 2, 1, 3] = 7
    return data.reshape(count, -1)


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    folder = tmp_path / "ten" / "cifar-10-batches-py"
    for i in range(5):
        labels = [(i + k) % 10 for k in range(8)]
        write(folder / f"data_batch_{i + 1}", {"data": images(8, 8 * i), "labels": labels})
    write(folder / "test_batch", {"data": images(6, 100), "labels": [9] * 6})
    write(folder / "batches.meta", {"label_names": NAMES})
    return folder.parent


@pytest.fixture
def hundred(tmp_path: Path) -> Path:
    folder = tmp_path / "hundred" / "cifar-100-python"
    for name, count in (("train", 20), ("test", 5)):
        labels = list(range(count))
        content = {
            "data": images(count, 50),
            "fine_labels": labels,
            "coarse_labels": [v % 20 for v in labels],
        }
        write(folder / name, content)
    fine, coarse = [f"fine{i}" for i in range(100)], [f"coarse{i}" for i in range(20)]
    write(folder / "meta", {"fine_label_names": fine, "coarse_label_names": coarse})
    return folder.parent


def cifar10(root: Path, **settings: Any) -> Cifar10:
    return Cifar10(root=str(root), image_size=32, **{"verify": False, **settings})


def source(data: Any, split: str) -> ArraySource:
    found = data.split(split)
    assert isinstance(found, ArraySource)
    return found


def test_splits_hold_every_image_once(ten: Path) -> None:
    data = cifar10(ten, val_fraction=0.25)
    data.prepare()
    train, val, test = (source(data, split) for split in SPLITS)
    assert (len(train), len(val), len(test)) == (30, 10, 6)
    assert {*train.ids, *val.ids} == {f"train/{i}" for i in range(40)}
    assert test.ids == [f"test/{i}" for i in range(6)]
    assert data.targets["label"].classes == tuple(NAMES)
    for part in (train, val):
        for index, name in enumerate(part.ids):
            number = int(name.removeprefix("train/"))
            sample = part.read(index)
            assert sample.image.shape == (32, 32, 3)
            assert sample.image[0, 0].tolist() == [number, 0, 0]
            assert sample.image[1, 3].tolist() == [0, 0, 7]
            assert sample.targets == {"label": (number // 8 + number % 8) % 10}


def test_the_held_out_part_follows_its_seed(ten: Path) -> None:
    first, second = cifar10(ten), cifar10(ten, split_seed=1)
    assert source(first, "val").ids == source(cifar10(ten), "val").ids
    assert source(first, "val").ids != source(second, "val").ids
    assert cifar10(ten, val_fraction=0).split("val") is None
    assert len(source(cifar10(ten, val_fraction=0), "train")) == 40


def test_the_folder_itself_may_be_the_root(ten: Path) -> None:
    data = cifar10(ten / "cifar-10-batches-py")
    data.prepare()
    assert len(source(data, "test")) == 6


def test_cifar100_has_two_tasks(hundred: Path) -> None:
    data = Cifar100(root=str(hundred), image_size=32, verify=False)
    data.prepare()
    assert {name: len(target.classes) for name, target in data.targets.items()} == {
        "fine": 100,
        "coarse": 20,
    }
    assert source(data, "test").read(3).targets == {"fine": 3, "coarse": 3}


def test_both_sets_at_once_label_each_image_for_its_own_task(ten: Path, hundred: Path) -> None:
    data = Cifar10And100(root=str(ten), root100=str(hundred), image_size=32, verify=False)
    data.prepare()
    assert list(data.targets) == ["cifar100.coarse", "cifar10", "cifar100"]
    train = source(data, "train")
    assert len(train) == 36 + 18
    own = {"cifar10": {"cifar10"}, "cifar100": {"cifar100", "cifar100.coarse"}}
    for index, name in enumerate(train.ids):
        assert set(train.read(index).targets) == own[name.partition(":")[0]]
    sets = [name.partition(":")[0] for name in train.ids[:9]]
    assert sets.count("cifar10") == 6, "the first samples hold both sets in proportion"


def test_checksums(ten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"data_batch_1 differs .* data\.verify=false"):
        cifar10(ten, verify=True).prepare()
    folder = ten / "cifar-10-batches-py"

    def listed(names: list[str]) -> list[list[str]]:
        return [[n, hashlib.md5((folder / n).read_bytes()).hexdigest()] for n in names]

    meta = {**CIFAR10.meta, "md5": listed(["batches.meta"])[0][1]}
    monkeypatch.setattr(CIFAR10, "train_list", listed([f"data_batch_{i}" for i in range(1, 6)]))
    monkeypatch.setattr(CIFAR10, "test_list", listed(["test_batch"]))
    monkeypatch.setattr(CIFAR10, "meta", meta)
    cifar10(ten, verify=True).prepare()


def test_missing_files(tmp_path: Path, ten: Path) -> None:
    with pytest.raises(UserError, match=r"is missing: point data\.root .* data\.download=true"):
        cifar10(tmp_path).prepare()
    both = Cifar10And100(root=str(ten), root100=str(tmp_path), image_size=32, verify=False)
    with pytest.raises(UserError, match=r"point data\.root100 at"):
        both.prepare()


def test_download_only_when_something_is_missing(
    tmp_path: Path, ten: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str, *_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(cifar_files, "download_and_extract_archive", refuse)
    cifar10(ten, download=True).prepare()
    with pytest.raises(
        UserError, match=r"cifar-10-python\.tar\.gz could not be downloaded: .*no r"
    ):
        cifar10(tmp_path, download=True).prepare()


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("evil"),)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: pickle.dumps({"data": _Evil(), "labels": []}), "asks for .*touch"),
        (lambda _: pickle.dumps(print), "asks for builtins.print"),
        (lambda good: good[: len(good) // 2], "is not a readable CIFAR file"),
        (lambda _: b"", "is not a readable CIFAR file"),
        (lambda _: b"not a pickle", "is not a readable CIFAR file"),
        (lambda _: pickle.dumps([1]), "it holds no dictionary"),
        (lambda _: pickle.dumps({"labels": [0]}), "its data is not rows of 3072 bytes"),
        (lambda _: _batch([0]), "has 2 images, but not one of its labels for each"),
        (lambda _: _batch([0, 10]), "its labels are not all within 0 to 9"),
        (lambda _: _batch(["a", "b"]), "its labels are not numbers"),
    ],
)
def test_bad_files(
    ten: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[bytes], bytes],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = ten / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BadFile, match=reason) as caught:
        cifar10(ten).split("train")
    assert caught.value.path == str(path)
    assert not (tmp_path / "evil").exists()


def _batch(labels: list[Any]) -> bytes:
    return pickle.dumps({"data": images(2, 0), "labels": labels})


def test_files_as_python_2_wrote_them_are_read_without_warnings(ten: Path) -> None:
    """Protocol 2, strings as bytes, and numpy's dtype with integer flags."""
    data = images(6, 100).tobytes()
    stream = io.BytesIO()
    stream.write(b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n")
    stream.write(
        b"K\x00\x85U\x01b\x87R(K\x01K\x06M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
    )
    stream.write(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T")
    stream.write(len(data).to_bytes(4, "little") + data + b"tbU\x06labels](")
    stream.write(b"K\x03" * 6 + b"eu.")
    (ten / "cifar-10-batches-py" / "test_batch").write_bytes(stream.getvalue())
    test = source(cifar10(ten), "test")
    assert test.images[2, 0, 0].tolist() == [102, 0, 0]
    assert test.read(5).targets == {"label": 3}


@pytest.mark.parametrize("fraction", [-0.1, 1.0])
def test_val_fraction_is_checked(ten: Path, fraction: float) -> None:
    with pytest.raises(UserError, match=r"data\.val_fraction=.*: allowed is 0 up to below 1"):
        cifar10(ten, val_fraction=fraction)


@pytest.mark.skipif(not (REAL / "cifar10").is_dir(), reason=f"no CIFAR-10 copy in {REAL}")
def test_a_real_copy_with_fewer_images() -> None:
    data = cifar10(REAL / "cifar10")
    data.prepare()
    train, val, test = (source(data, split) for split in SPLITS)
    assert (len(train), len(val), len(test)) == (9000, 1000, 2000)
    assert data.targets["label"].classes[3] == "cat"
    assert 90 < train.images.mean() < 150
    assert np.bincount(test.targets["label"], minlength=10).min() > 100  # type: ignore[arg-type]


def test_each_group_is_a_task(hundred: Path) -> None:
    content = pickle.loads((hundred / "cifar-100-python" / "meta").read_bytes())
    data = Cifar100By20(root=str(hundred), image_size=32, verify=False, val_fraction=0.0)
    groups = [name.replace("-", "_") for name in content["coarse_label_names"]]
    assert list(data.targets) == groups
    source = data.split("train")
    assert source is not None
    fine = Cifar100(root=str(hundred), image_size=32, verify=False, val_fraction=0.0).split("train")
    for i in range(len(source)):
        ((group, label),) = source.read(i).targets.items()
        wanted = fine.read(i).targets
        assert group == groups[wanted["coarse"]]
        assert data.targets[group].classes[label] == content["fine_label_names"][wanted["fine"]]
