"""Every ending of pictures is found and read by all that list files: arrays are one of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from coco_kit import annotation, images, write
from voc_factory import write_annotation

from mtl.data.image_format import PICTURE_SUFFIXES, USUAL
from mtl.data.sources.base import DataSet
from mtl.data.sources.coco import CocoSet
from mtl.data.sources.csv_table import CsvTable
from mtl.data.sources.domains import Domains
from mtl.data.sources.folders import Folders
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.voc_folder import VocFolder
from mtl.data.sources.yolo import YoloSet
from mtl.errors import BadFile
from mtl.runs.prediction.inputs.find import find_images

SIZE = (12, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)


def picture(path: Path) -> Path:
    """The pixels, in a file that loses nothing: an array or a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".npy":
        with path.open("wb") as file:
            np.save(file, PIXELS)
    else:
        assert cv2.imwrite(str(path), PIXELS[..., ::-1])
    return path


def image_folder(root: Path, suffix: str) -> DataSet:
    for name in ("cat", "dog"):
        picture(root / name / f"a{suffix}")
    return ImageFolder(root=str(root), image_size=8, val_fraction=0)


def domains(root: Path, suffix: str) -> DataSet:
    for domain in ("art", "photo"):
        picture(root / domain / "cat" / f"a{suffix}")
    return Domains(
        root=str(root), image_size=8, domains=["art", "photo"], val_fraction=0, test_fraction=0
    )


def yolo(root: Path, suffix: str) -> DataSet:
    picture(root / "images" / f"a{suffix}")
    (root / "labels").mkdir()
    (root / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text("train: images\nnames: [cat]\n")
    return YoloSet(root=str(root), image_size=8, val_fraction=0)


def voc(root: Path, suffix: str) -> DataSet:
    picture(root / "JPEGImages" / f"a{suffix}")
    (root / "Annotations").mkdir()
    write_annotation(root, "a", [("cat", (4, 3, 9, 6))], SIZE)
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\n")
    return VocFolder(root=str(root), image_size=8)


def coco(root: Path, suffix: str) -> DataSet:
    picture(root / "train" / f"a{suffix}")
    listed = images(f"a{suffix}", width=SIZE[0], height=SIZE[1])
    write(root / "annotations" / "train.json", listed, [annotation(10, 7, (3, 2, 6, 4))])
    return CocoSet(root=str(root), image_size=8, val_fraction=0, index_dir=str(root / "index"))


def table(root: Path, suffix: str) -> DataSet:
    picture(root / "photos" / f"a{suffix}")
    (root / "table.csv").write_text(f"file,kind\na{suffix},cat\n")
    return CsvTable(root=str(root), image_size=8, val_fraction=0, index_dir=str(root / "index"))


def folders(root: Path, suffix: str) -> DataSet:
    picture(root / "images" / f"a{suffix}")
    (root / "masks").mkdir()
    assert cv2.imwrite(str(root / "masks" / "a.png"), np.zeros(PIXELS.shape[:2], np.uint8))
    return Folders(root=str(root), image_size=8, val_fraction=0, classes=["cat"])


READERS: tuple[Callable[[Path, str], DataSet], ...] = (
    image_folder,
    domains,
    yolo,
    voc,
    coco,
    table,
    folders,
)


@pytest.mark.parametrize("suffix", [".png", ".npy", ".NPY"])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_arrays_are_pictures_like_others(
    reader: Callable[[Path, str], DataSet], suffix: str, tmp_path: Path
) -> None:
    data = reader(tmp_path, suffix)
    data.prepare()
    source: Any = data.split("train")
    sample = source.read(0)
    np.testing.assert_array_equal(sample.image, PIXELS)
    found, known = dict(sample.targets), dict(source.annotations(0))
    assert known.keys() == found.keys()
    if "boxes" in found:
        np.testing.assert_allclose(known["boxes"].xyxy, [[3, 2, 9, 6]], atol=1e-5)


def test_every_ending_is_found_in_a_folder_to_predict_on(tmp_path: Path) -> None:
    for suffix in PICTURE_SUFFIXES:
        (tmp_path / f"a{suffix}").touch()
        (tmp_path / f"b{suffix.upper()}").touch()
    assert len(find_images(str(tmp_path))) == 2 * len(PICTURE_SUFFIXES)


def test_an_array_that_is_no_picture_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PIXELS.astype(np.float32) / 255)
    with pytest.raises(BadFile, match=r"has pixels of type float32 .* data\.pixel_range"):
        USUAL.read(tmp_path / "a.npy")
