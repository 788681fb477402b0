"""Files as they should not be: each is handled, or named with what is wrong."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from voc_factory import make_voc, write_annotation, write_mask

from mtl.data.sample import Boxes, Sample
from mtl.data.sources.voc_folder import VocFolder
from mtl.errors import BadFile

CLASSES = ["car", "dog", "person"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_voc(tmp_path / "voc")


def _read(root: Path, others: str = "error") -> Sample:
    source = VocFolder(root=str(root), image_size=32, classes=CLASSES, others=others).split("train")
    assert source is not None
    return source.read(0)


def _image(root: Path) -> Path:
    return root / "JPEGImages" / "train0.jpg"


def _truncate(root: Path) -> None:
    _image(root).write_bytes(_image(root).read_bytes()[:700])


def _cut_xml(root: Path) -> None:
    path = root / "Annotations" / "train0.xml"
    path.write_text(path.read_text()[:150])


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated JPEG": (_truncate, r"train0\.jpg: is a broken image \(image file is truncated"),
    "empty file": (lambda root: _image(root).write_bytes(b""), r"train0\.jpg: is empty"),
    "no image": (lambda root: _image(root).write_bytes(b"hello"), r"train0\.jpg: is not an image"),
    "missing image": (lambda root: _image(root).unlink(), r"train0\.jpg: does not exist"),
    "XML cut off": (_cut_xml, r"train0\.xml: is not well-formed XML \(.*line 1"),
    "other XML": (
        lambda root: (root / "Annotations" / "train0.xml").write_text("<html/>"),
        r"train0\.xml: is no VOC annotation \(it begins with <html>\)",
    ),
    "box outside": (
        lambda root: write_annotation(root, "train0", [("dog", (70, 5, 90, 20))]),
        r"train0\.xml: the box of object 1 \(dog\), xmin=70 ymin=5 xmax=90 ymax=20, lies outside "
        "the image of 64x48 pixels",
    ),
    "zero width": (
        lambda root: write_annotation(root, "train0", [("dog", (10, 5, 9, 20))]),
        r"train0\.xml: the box of object 1 \(dog\), xmin=10 ymin=5 xmax=9 ymax=20, has no width",
    ),
    "negative height": (
        lambda root: write_annotation(
            root, "train0", [("dog", (1, 1, 9, 9)), ("car", (1, 9, 5, 4))]
        ),
        r"object 2 \(car\), xmin=1 ymin=9 xmax=5 ymax=4, has no height",
    ),
    "no number": (
        lambda root: write_annotation(root, "train0", [("dog", (1, 1, 9, "x"))]),  # type: ignore[list-item]
        r"the box of object 1 \(dog\) isn't four numbers: xmin=1, ymin=1, xmax=9, ymax=x",
    ),
    "unknown class": (
        lambda root: write_annotation(root, "train0", [("cat", (1, 1, 9, 9))]),
        r"train0\.xml: has an object of the unknown class 'cat' \(known: car, dog, person\)",
    ),
    "size of another image": (
        lambda root: write_annotation(root, "train0", [], (640, 480)),
        r"train0\.xml: is for an image of 640x480 pixels, but its image has 64x48",
    ),
    "mask of another size": (
        lambda root: write_mask(root, "train0", np.zeros((24, 32), np.uint8)),
        r"train0\.png: has 32x24 pixels, but its image has 64x48",
    ),
    "mask with unknown value": (
        lambda root: write_mask(root, "train0", np.full((48, 64), 9, np.uint8)),
        r"train0\.png: has pixels of value 9; 0 to 3 \(background and the classes\) and 255",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_named_with_its_fault(root: Path, name: str) -> None:
    harm, message = BROKEN[name]
    harm(root)
    with pytest.raises(BadFile, match=message) as caught:
        _read(root)
    assert "\n" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_other_samples_of_a_broken_folder_are_read(root: Path) -> None:
    _cut_xml(root)
    data = VocFolder(root=str(root), image_size=32)
    data.prepare()
    source = data.split("train")
    assert source is not None
    with pytest.raises(BadFile):
        source.read(0)
    assert "boxes" in source.read(1).targets


def test_missing_mask_is_an_absent_target(root: Path) -> None:
    (root / "SegmentationClass" / "train0.png").unlink()
    assert set(_read(root).targets) == {"label", "labels", "boxes"}


def test_missing_annotation_is_absent_targets(root: Path) -> None:
    (root / "Annotations" / "train0.xml").unlink()
    assert set(_read(root).targets) == {"mask"}


def test_annotation_without_objects_says_that_there_are_none(root: Path) -> None:
    write_annotation(root, "train0", [])
    targets = _read(root).targets
    assert set(targets) == {"labels", "boxes", "mask"}
    assert isinstance(targets["boxes"], Boxes)
    assert targets["boxes"].xyxy.shape == (0, 4)
    assert np.array_equal(targets["labels"], [0, 0, 0])


def test_box_partly_outside_is_clipped(root: Path) -> None:
    write_annotation(root, "train0", [("dog", (-3, 0, 65, 20.5))])
    boxes = _read(root).targets["boxes"]
    assert isinstance(boxes, Boxes)
    assert boxes.xyxy.tolist() == [[0, 0, 64, 20.5]]


def test_other_classes_can_be_dropped(root: Path) -> None:
    write_annotation(root, "train0", [("cat", (1, 1, 40, 40)), ("dog", (1, 1, 9, 9))])
    targets = _read(root, others="drop").targets
    assert isinstance(targets["boxes"], Boxes)
    assert targets["boxes"].xyxy.tolist() == [[0, 0, 9, 9]]
    assert targets["label"] == 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grayscale_and_cmyk_jpegs_are_read_as_rgb(root: Path, mode: str) -> None:
    Image.new("RGB", (64, 48), (200, 100, 50)).convert(mode).save(_image(root), quality=95)
    expected = {"L": (124, 124, 124), "CMYK": (200, 100, 50)}[mode]
    image = _read(root).image
    assert image.shape == (48, 64, 3)
    assert np.abs(image.astype(int) - expected).max() <= 3


def test_16_bit_png_is_read_as_8_bit(root: Path) -> None:
    _image(root).unlink()
    Image.fromarray(np.full((48, 64), 40000, np.uint16)).save(root / "JPEGImages" / "train0.png")
    sample = _read(root)
    assert sample.id.endswith("train0.png")
    assert sample.image.dtype == np.uint8
    assert np.abs(sample.image - 40000 / 257).max() <= 1
