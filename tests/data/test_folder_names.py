"""Image folders as people and programs leave them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtl.data.image_file import IMAGE_SUFFIXES, read_image
from mtl.data.sources.base import SPLITS
from mtl.data.sources.folder_files import split_of
from mtl.data.sources.image_folder import ImageFolder
from mtl.errors import BadFile, UserError


def write(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(root / name)
    return root


def tree(root: Path, **splits: int) -> Path:
    """``root/SPLIT/{cat,dog}/N images``."""
    for split, count in splits.items():
        write(root, *(f"{split}/{c}/{i}.png" for c in ("cat", "dog") for i in range(count)))
    return root


def opened(root: Path, val_fraction: float = 0.0) -> ImageFolder:
    data = ImageFolder(root=str(root), image_size=8, val_fraction=val_fraction)
    data.prepare()
    return data


def sizes(data: ImageFolder) -> dict[str, int]:
    return {split: len(s) for split in SPLITS if (s := data.split(split)) is not None}


def names(data: ImageFolder) -> tuple[str, ...]:
    return data.targets["label"].classes


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN", "training", "Training_Set"])
@pytest.mark.parametrize("val", ["val", "valid", "Validation", "dev", "validation-set"])
@pytest.mark.parametrize("test", ["test", "Test", "testing", "test_set"])
def test_splits_by_any_name(tmp_path: Path, train: str, val: str, test: str) -> None:
    data = opened(tree(tmp_path, **{train: 3, val: 2, test: 1}), val_fraction=0.5)
    assert sizes(data) == {"train": 6, "val": 4, "test": 2}
    assert names(data) == ("cat", "dog")
    said = " ".join(data.notes())
    for split, name in (("train", train), ("val", val), ("test", test)):
        assert (f"{tmp_path / name} is taken as {split}" in said) == (name != split)


@pytest.mark.parametrize("name", ["trains", "value", "contest", "tests", "evaluation", "latest"])
def test_other_names_are_no_splits(name: str) -> None:
    assert split_of(name) is None


def test_a_class_may_be_called_train_beside_others(tmp_path: Path) -> None:
    data = opened(write(tmp_path, "train/0.png", "bus/0.png", "car/0.png", "test/0.png"))
    assert names(data) == ("bus", "car", "test", "train")
    assert sizes(data) == {"train": 4}
    assert any("train is taken as a class" in note for note in data.notes())


def test_folders_beside_the_splits_are_named_as_not_used(tmp_path: Path) -> None:
    data = opened(write(tree(tmp_path, train=2, test=1), "extra/0.png"))
    assert names(data) == ("cat", "dog")
    assert any("not used, being no split: extra" in note for note in data.notes())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/0.png", "test/0.png"], "train look like splits, but hold images and no class"),
        (["Test/a/0.png", "valid/a/0.png"], "Test, valid look like splits, but none is for tr"),
        (["train/a/0.png", "val/a/0.png", "valid/a/0.png"], "both val and valid look like the"),
        (["train/a/0.png", "Training/a/0.png"], "both Training and train look like the train"),
    ],
)
def test_folders_that_look_like_splits_and_are_none(
    tmp_path: Path, files: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        opened(write(tmp_path, *files))


@pytest.mark.parametrize(
    "name",
    [
        ".ipynb_checkpoints/0.png",
        "cat/.ipynb_checkpoints/0-checkpoint.png",
        "cat/deep/.hidden/0.png",
        "__MACOSX/cat/0.png",
        "cat/__MACOSX/._0.png",
        "cat/._0.png",
        "cat/@eaDir/0.png",
        ".git/0.png",
    ],
)
def test_hidden_and_left_behind_is_no_image(tmp_path: Path, name: str) -> None:
    data = opened(write(tmp_path, "cat/0.png", "dog/0.png", name))
    assert names(data) == ("cat", "dog")
    assert sizes(data) == {"train": 2}
    assert data.notes() == []


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
@pytest.mark.parametrize("upper", [False, True])
def test_every_ending_is_read(tmp_path: Path, suffix: str, upper: bool) -> None:
    write(tmp_path, "cat/0.png")
    path = tmp_path / "cat" / f"1{suffix.upper() if upper else suffix}"
    mode = {".pgm": "L", ".pbm": "1"}.get(suffix, "RGB")
    kind = {".jpe": "JPEG", ".jfif": "JPEG", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM"}
    Image.new("RGB", (9, 7), (255, 255, 255)).convert(mode).save(
        path, kind.get(suffix) or Image.registered_extensions()[suffix]
    )
    source = opened(tmp_path).split("train")
    assert source is not None
    assert len(source) == 2
    image = source.read(1).image
    assert image.shape == (7, 9, 3)
    assert image.min() >= 250


def test_what_is_no_image_is_counted_aloud(tmp_path: Path) -> None:
    write(tmp_path, "cat/0.png", "dog/0.png")
    for name in ("a.heic", "b.heic", "c.mp4", "Thumbs.db", ".DS_Store"):
        (tmp_path / "dog" / name).write_bytes(b"x")
    (tmp_path / "owl").mkdir()
    said = opened(tmp_path).notes()
    assert f"{tmp_path / 'dog'}: not read, being no images: 3 files (.heic, .mp4)" in said
    assert f"the class owl has no image in {tmp_path}" in said
    assert len(said) == 2


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "1.png", "deep/2.png")
    root = write(tmp_path / "data", "cat/0.png", "dog/0.png")
    (root / "cat" / "more").symlink_to(outside)
    (root / "cat" / "round").symlink_to(root)
    (root / "cat" / "3.png").symlink_to(outside / "1.png")
    (root / "owl").symlink_to(outside)
    data = opened(root)
    assert names(data) == ("cat", "dog", "owl")
    source = data.split("train")
    assert source is not None
    found = [Path(source.id(i)).relative_to(root).as_posix() for i in range(len(source))]
    assert [name for name in found if "round" not in name] == [
        "cat/0.png", "cat/3.png", "cat/more/1.png", "cat/more/deep/2.png", "dog/0.png",
        "owl/1.png", "owl/deep/2.png",
    ]  # fmt: skip
    assert not any(name.count("round") > 1 for name in found)


@pytest.mark.slow
def test_a_name_that_is_not_utf8_is_shown_and_lost_nowhere(tmp_path: Path, mtl) -> None:
    write(tmp_path / "d", *(f"{c}/{i}.png" for c in ("cat", "dog") for i in range(3)))
    odd = os.fsdecode(b"caf\xe9")
    try:
        (tmp_path / "d" / "cat").rename(tmp_path / "d" / odd)
        (tmp_path / "d" / "dog" / "0.png").rename(tmp_path / "d" / "dog" / f"{odd}.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    (tmp_path / "d" / "dog" / os.fsdecode(b"\xff.txt")).write_text("")
    result = mtl("inspect", "data=image_folder", "data.root=d")
    assert (result.code, result.err) == (0, "")
    assert "caf�" in result.out
    assert "file.txt" not in result.out
    result.out.encode()
    assert (tmp_path / "outputs" / "inspect" / "image_folder.png").is_file()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 1, 16, dtype=np.float32), np.linspace(0, 255, 16).round()),
        (np.linspace(0, 255, 16, dtype=np.float32), "32-bit float pixels from 0 to 255"),
        (np.linspace(-1, 1, 16, dtype=np.float32), "32-bit float pixels from -1 to 1"),
        (np.full(16, np.nan, np.float32), "32-bit float pixels from nan"),
        (np.arange(16, dtype=np.int32), "32-bit integer pixels from 0 to 15"),
        (np.arange(16, dtype=np.int32) * 10**6, "32-bit integer pixels from 0 to 1.5e\\+07"),
        (np.arange(16, dtype=np.uint16) * 257 * 17, np.arange(16) * 17),
    ],
)
def test_pixels_of_more_than_8_bits_are_scaled_or_refused(
    tmp_path: Path, values: np.ndarray, expected: np.ndarray | str
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(values.reshape(4, 4)).save(path)
    if isinstance(expected, str):
        with pytest.raises(BadFile, match=expected):
            read_image(path)
        return
    image, size = read_image(path, 2)
    assert (image.shape, size) == ((4, 4, 3), (4, 4))
    assert np.abs(image[..., 1].ravel() - expected).max() <= 1


def test_a_tiff_of_float_colours_is_refused_by_name(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), np.ones((4, 4, 3), np.float32))
    with pytest.raises(BadFile, match=r"a\.tif: is a TIFF of colours with 32 bits or more"):
        read_image(path)
