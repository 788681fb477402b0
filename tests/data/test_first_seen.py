"""Annotations that disappear between two epochs are missing, and not never there."""

from pathlib import Path

import pytest
from test_yolo import made, opened, source_of
from voc_factory import make_voc

from mtl.data.sources.voc_folder import VocFolder
from mtl.errors import BadFile


@pytest.mark.parametrize("file", ["Annotations/train0.xml", "SegmentationClass/train0.png"])
def test_voc(tmp_path: Path, file: str) -> None:
    root = make_voc(tmp_path, n_train=2, size=(32, 24))
    source = VocFolder(root=str(root), image_size=32).split("train")
    assert source is not None
    source.read(1)
    (root / file).unlink()
    with pytest.raises(BadFile, match=rf"{file}: (can't be read|does not exist)"):
        source.read(0)


def test_yolo(tmp_path: Path) -> None:
    """An image without a label file shows no object: 'a' must not become one of these."""
    root = made(tmp_path, a="7 0.5 0.5 0.2 0.4\n", b=None)
    source = source_of(opened(root, val_fraction=0))
    assert len(source.read(1).targets["boxes"]) == 0  # type: ignore[arg-type]
    (root / "labels" / "a.txt").unlink()
    with pytest.raises(BadFile, match=r"labels/a\.txt: can't be read"):
        source.read(0)


def test_an_image_that_becomes_unreadable(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=1, size=(32, 24))
    source = VocFolder(root=str(root), image_size=32).split("train")
    assert source is not None
    source.read(0)
    image = root / "JPEGImages" / "train0.jpg"
    image.unlink()
    image.mkdir()
    with pytest.raises(BadFile, match=r"train0\.jpg: can't be read \(Is a directory\)"):
        source.read(0)
