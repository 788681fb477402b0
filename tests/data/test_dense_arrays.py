"""NYUv2 and Cityscapes in the layout that MTAN published, in files made here."""

from pathlib import Path

import numpy as np
import pytest

from mtl.data.sources.base import SPLITS
from mtl.data.sources.cityscapes import Cityscapes
from mtl.data.sources.nyuv2 import NyuV2
from mtl.errors import BadFile, UserError

HEIGHT, WIDTH = 4, 6


def write(folder: Path, number: int, **layers: np.ndarray) -> None:
    for layer, values in layers.items():
        (folder / layer).mkdir(parents=True, exist_ok=True)
        np.save(folder / layer / f"{number}.npy", values)


def fill(root: Path, train: int = 12, val: int = 3) -> Path:
    """Picture N has the grey N / 255; its first class is unknown, its first depth N metres."""
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            label = np.full((HEIGHT, WIDTH), number % 7, np.float64)
            label[0, 0] = -1
            depth = np.full((HEIGHT, WIDTH, 1), 1.5 + number, np.float32)
            depth[0, 1] = 0
            normal = np.zeros((HEIGHT, WIDTH, 3))
            normal[1:] = (0.3, 0, 0.4)  # shorter by resizing, and none in the first row
            write(
                root / split,
                number,
                image=np.full((HEIGHT, WIDTH, 3), number / 255),
                label=label,
                label_7=label,
                depth=depth,
                normal=normal,
            )
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("arrays"))


def test_values_are_what_the_files_say(root: Path) -> None:
    data = NyuV2(root=str(root), image_size=384, val_fraction=0.0)
    data.prepare()
    source = data.split("train")
    assert source is not None
    assert [Path(source.id(i)).stem for i in range(12)] == [str(i) for i in range(12)]
    sample = source.read(10).understood(data.targets)
    assert (sample.image == 10).all()
    assert sample.image.shape == (HEIGHT, WIDTH, 3)
    mask, depth, normals = (sample.targets[name] for name in ("mask", "depth", "normals"))
    assert mask[0, 0] == 255
    assert (mask[1:] == 3).all()
    assert data.targets["mask"].classes[3] == "chair"
    assert np.isnan(depth[0, 1])
    assert depth[2, 2] == np.float32(11.5)
    assert np.isnan(normals[0]).all()
    assert normals[2, 2] == pytest.approx((0.6, 0, 0.8))
    signed = NyuV2(root=str(root), image_size=384, normal_signs=[1, -1, -1]).split("train")
    assert signed.read(0).targets["normals"][2, 2] == pytest.approx((0.6, 0, -0.8))


def test_the_published_val_is_test(root: Path) -> None:
    data = Cityscapes(root=str(root), image_size=256, val_fraction=0.25)
    sources = {split: data.split(split) for split in SPLITS}
    names = {split: {s.id(i) for i in range(len(s))} for split, s in sources.items()}
    assert names["test"] == {str(root / "val" / "image" / f"{i}.npy") for i in range(3)}
    assert len(names["train"] | names["val"]) == 12
    assert not names["train"] & names["val"]
    assert names["val"]
    assert set(data.targets) == {"mask", "depth"}
    assert data.targets["mask"].classes[:2] == ("flat", "construction")
    assert any("by a hash of their names" in note for note in data.notes())


def test_a_target_may_lack_its_folder_or_file(tmp_path: Path) -> None:
    fill(tmp_path, train=2, val=1)
    (tmp_path / "train" / "depth" / "1.npy").unlink()
    for split in ("train", "val"):
        for file in (tmp_path / split / "normal").iterdir():
            file.unlink()
        (tmp_path / split / "normal").rmdir()
    data = NyuV2(root=str(tmp_path), image_size=384, val_fraction=0.0)
    assert set(data.targets) == {"mask", "depth"}
    assert data.notes() == [f"{tmp_path / 'train'} has no folder normal"]
    source = data.split("train")
    assert [set(source.annotations(i)) for i in range(2)] == [{"mask", "depth"}, {"mask"}]
    assert data.split("val") is None


def test_what_is_no_such_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no train/image/0\.npy and so on; data\.root is"):
        NyuV2(root=str(tmp_path), image_size=384).prepare()
    (tmp_path / "train" / "image").mkdir(parents=True)
    np.save(tmp_path / "train" / "image" / "0.npy", np.zeros((2, 2, 3)))
    with pytest.raises(UserError, match="has none of the folders label_19, depth beside image"):
        Cityscapes(root=str(tmp_path), image_size=256, classes=19, val_fraction=0.0).prepare()


@pytest.mark.parametrize(
    ("layer", "values", "said"),
    [
        ("image", np.zeros((3, 4, 4)), r"is of shape \(3, 4, 4\), no picture"),
        ("image", np.full((4, 4, 3), 200.0), r"holds values from 200 to 200, no colours in 0\.\.1"),
        ("label", np.zeros((4, 4, 1)), r"is of shape \(4, 4, 1\), no map of classes"),
        ("label", np.full((4, 4), 13.0), "holds 13; allowed are 0 to 12, and -1 for unknown"),
        ("depth", np.zeros((4, 4, 3)), r"is of shape \(4, 4, 3\), no map of depths"),
        ("normal", np.zeros((3, 4, 4)), r"is of shape \(3, 4, 4\), no map of normals"),
        ("depth", np.array([{}], object), "is no readable .npy file"),
    ],
)
def test_broken_files_are_said(layer: str, values: np.ndarray, said: str, tmp_path: Path) -> None:
    fill(tmp_path, train=1, val=1)
    np.save(tmp_path / "train" / layer / "0.npy", values)
    source = NyuV2(root=str(tmp_path), image_size=384, val_fraction=0.0).split("train")
    with pytest.raises(BadFile, match=said):
        source.read(0)
