"""NYUD_MT's layout, in files made here."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from mtl.data.sources.nyud_mt import NyudMt
from mtl.errors import BadFile, UserError

HEIGHT, WIDTH = 4, 6


def fill(root: Path, train: int = 12, val: int = 3) -> Path:
    """Picture N has the class N % 40 + 1, and is N + 1.5 metres away; each file of another kind."""
    names = [f"{number:04d}" for number in range(train + val)]
    for folder in ("images", "segmentation", "depth", "normals", "gt_sets"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate(names):
        image = np.full((HEIGHT, WIDTH, 3), number, np.uint8)
        cv2.imwrite(str(root / "images" / f"{name}{('.png', '.jpg')[number % 2]}"), image)
        mask = np.full((HEIGHT, WIDTH), number % 40 + 1, np.uint8)
        mask[0, 0] = 0
        depth = np.full((HEIGHT, WIDTH), number + 1.5, np.float32)
        depth[0, 1] = 0
        normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        normals[1:] = (0, 0.6, 0.8)
        if number % 2:
            savemat(root / "segmentation" / f"{name}.mat", {"segmentation": mask})
            savemat(root / "depth" / f"{name}.mat", {"depth": depth})
            np.save(root / "normals" / f"{name}.npy", normals)
        else:
            cv2.imwrite(str(root / "segmentation" / f"{name}.png"), mask)
            np.save(root / "depth" / f"{name}.npy", depth)
            coded = np.rint((normals + 1) / 2 * 255).astype(np.uint8)
            coded[0] = 0
            cv2.imwrite(str(root / "normals" / f"{name}.png"), coded[..., ::-1])
    (root / "gt_sets" / "train.txt").write_text("\n".join(names[:train]))
    (root / "gt_sets" / "val.txt").write_text("\n".join(names[train:]) + "\n")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("nyud"))


@pytest.mark.parametrize("number", [10, 11])
def test_values_are_what_the_files_say(number: int, root: Path) -> None:
    data = NyudMt(root=str(root), image_size=448, val_fraction=0, normal_signs=[1, -1, 1])
    data.prepare()
    source = data.split("train")
    sample = source.read(number).understood(data.targets)
    assert Path(sample.id).stem == f"{number:04d}"
    assert np.abs(sample.image.astype(int) - number).max() <= 1
    mask, depth, normals = (sample.targets[kind] for kind in ("mask", "depth", "normals"))
    assert mask[0, 0] == 255
    assert (mask[1:] == number).all()
    assert data.targets["mask"].classes[10] == "picture"
    assert len(data.targets["mask"].classes) == 40
    assert np.isnan(depth[0, 1])
    assert depth[1, 1] == number + 1.5
    assert np.isnan(normals[0]).all()
    assert normals[2, 2] == pytest.approx((0, -0.6, 0.8), abs=0.01)


def test_the_published_val_is_test(root: Path) -> None:
    data = NyudMt(root=str(root), image_size=448, val_fraction=0.25)
    names = {
        split: {Path(s.id(i)).stem for i in range(len(s))}
        for split in ("train", "val", "test")
        for s in [data.split(split)]
    }
    assert names["test"] == {"0012", "0013", "0014"}
    assert names["train"] | names["val"] == {f"{n:04d}" for n in range(12)}
    assert not names["train"] & names["val"]
    assert names["val"]
    assert "as papers measure" in data.decided()[1]


def test_a_map_or_its_folder_may_be_absent(tmp_path: Path) -> None:
    fill(tmp_path, train=2, val=0)
    (tmp_path / "normals").rename(tmp_path / "other")
    (tmp_path / "depth" / "0001.mat").unlink()
    data = NyudMt(root=str(tmp_path), image_size=448, val_fraction=0)
    assert set(data.targets) == {"mask", "depth"}
    assert data.notes() == [f"{tmp_path} has no folder normals"]
    source = data.split("train")
    assert [set(source.annotations(i)) for i in range(2)] == [{"mask", "depth"}, {"mask"}]
    assert data.split("test") is None


def test_what_is_no_such_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no images/\*\.jpg; data\.root is the folder"):
        NyudMt(root=str(tmp_path), image_size=448).prepare()
    fill(tmp_path, train=2, val=1)
    (tmp_path / "gt_sets" / "val.txt").unlink()
    with pytest.raises(UserError, match=r"val\.txt.*; it names the pictures of test, one a line"):
        NyudMt(root=str(tmp_path), image_size=448).prepare()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("segmentation/0001.mat", {"segmentation": np.full((4, 6), 41)}, "pixels of value 41"),
        ("depth/0001.mat", {"depth": np.ones((4, 6)), "more": np.ones(2)}, "depth, more, and not"),
        ("depth/0001.mat", b"MATLAB", "is no .mat file"),
        ("depth/0001.mat", {"depth": np.ones((2, 2))}, "has 2x2 pixels, but its image has 6x4"),
    ],
)
def test_broken_files_are_said(file: str, content: object, said: str, tmp_path: Path) -> None:
    fill(tmp_path, train=2, val=0)
    path = tmp_path / file
    path.write_bytes(content) if isinstance(content, bytes) else savemat(path, content)
    source = NyudMt(root=str(tmp_path), image_size=448, val_fraction=0).split("train")
    with pytest.raises(BadFile, match=said):
        source.read(1)
