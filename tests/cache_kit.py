"""Caches of small folders, for the tests of ``data.cache``."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from voc_factory import CLASSES, make_voc, write_annotation

from mtl.data.loading import cache_build
from mtl.data.loading.cache import CachedSource
from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import Source
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.voc_folder import VocFolder
from mtl.data.sources.voc_source import VocSource

SIDE = 16
TARGETS = {
    **{kind: Target(kind, CLASSES) for kind in ("label", "labels", "boxes")},
    "mask": Target("mask", ("background", *CLASSES)),
}


class Stretch(Preprocess):
    """The plainest resize, so that these tests are about the cache."""

    def __init__(self, image_size: int, inverted: bool = False) -> None:
        super().__init__(image_size, (0.5,) * 3, (0.5,) * 3)
        self.inverted = inverted

    def __call__(self, sample: Sample) -> tuple[Sample, Frame]:
        height, width, _ = sample.image.shape
        side = self.image_size
        image = np.asarray(cv2.resize(sample.image, (side, side)), np.uint8)
        targets = dict(sample.targets)
        scale = np.array([side / width, side / height] * 2, np.float32)
        if isinstance(boxes := targets.get("boxes"), Boxes):
            targets["boxes"] = Boxes(boxes.xyxy * scale, boxes.labels, boxes.difficult)
        if isinstance(mask := targets.get("mask"), np.ndarray):
            targets["mask"] = np.asarray(cv2.resize(mask, (side, side), interpolation=0), np.uint8)
        frame = Frame(width, height, side / width, side / height)
        return Sample(255 - image if self.inverted else image, sample.id, targets), frame


def damaged_voc(root: Path) -> Path:
    """Six training images; of these 1 has no mask, 2 no annotation, 3 no object, 4 is broken."""
    make_voc(root, n_train=6)
    (root / "SegmentationClass" / "train1.png").unlink()
    (root / "Annotations" / "train2.xml").unlink()
    write_annotation(root, "train3", [])
    (root / "JPEGImages" / "train4.jpg").write_bytes(b"")
    return root


def voc_source(root: Path, classes: tuple[str, ...] = CLASSES) -> VocSource:
    source = VocFolder(root=str(root), image_size=16, classes=classes).split("train")
    assert source is not None
    return source


def assert_same(one: Sample, other: Sample) -> None:
    assert one.id == other.id
    assert np.array_equal(one.image, other.image)
    assert one.targets.keys() == other.targets.keys()
    for name, value in one.targets.items():
        second = other.targets[name]
        if isinstance(value, Boxes):
            assert isinstance(second, Boxes)
            for part in ("xyxy", "labels", "difficult"):
                a, b = getattr(value, part), getattr(second, part)
                assert a.dtype == b.dtype
                assert np.array_equal(a, b)
        elif isinstance(value, np.ndarray):
            assert isinstance(second, np.ndarray)
            assert value.dtype == second.dtype
            assert np.array_equal(value, second)
        else:
            assert type(second) is int
            assert value == second


def open_cache(
    source: Source, folder: Path, steps: Preprocess | None = None, **more: Any
) -> CachedSource:
    return CachedSource.open(source, TARGETS, steps or Stretch(SIDE), folder, **more)


def write_photos(root: Path, count: int) -> ImageFolder:
    (root / "cat").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(root / "cat" / f"{number:02}.png")
    return ImageFolder(root=str(root), image_size=SIDE, val_fraction=0)


def train_of(data: ImageFolder) -> Source:
    source = data.split("train")
    assert source is not None
    return source


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are put into caches from now on, as they are."""
    seen: list[str] = []
    picture = cache_build.picture

    def note(source: Source, index: int, *rest: Any) -> Any:
        seen.append(Path(source.id(index)).name)
        return picture(source, index, *rest)

    monkeypatch.setattr(cache_build, "picture", note)
    return seen
