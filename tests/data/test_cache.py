import logging
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from voc_factory import make_voc, write_annotation

from mtl.data.loading import cache_build
from mtl.data.loading.cache import CachedSource
from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import ArraySource
from mtl.data.sources.voc_folder import VocFolder
from mtl.data.sources.voc_source import VocSource
from mtl.errors import BadFile, UserError

CLASSES = ("car", "dog", "person")
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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six training images; of these 1 has no mask, 2 no annotation, 3 no object, 4 is broken."""
    root = make_voc(tmp_path / "voc", n_train=6)
    (root / "SegmentationClass" / "train1.png").unlink()
    (root / "Annotations" / "train2.xml").unlink()
    write_annotation(root, "train3", [])
    (root / "JPEGImages" / "train4.jpg").write_bytes(b"")
    return root


def _source(root: Path, classes: tuple[str, ...] = CLASSES) -> VocSource:
    source = VocFolder(root=str(root), image_size=16, classes=classes).split("train")
    assert source is not None
    return source


def _same(one: Sample, other: Sample) -> None:
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


def test_the_cache_gives_what_preprocessing_gives(root: Path, tmp_path: Path) -> None:
    source, preprocess = _source(root), Stretch(16)
    cached = CachedSource.open(source, TARGETS, preprocess, tmp_path / "cache")
    assert len(cached) == 6
    for index in (0, 1, 2, 3, 5):
        _same(preprocess(source.read(index, 16))[0], cached.read(index))
    images = np.load(cached.folder / "images.npy", mmap_mode="r", allow_pickle=False)
    assert images.shape == (6, 16, 16, 3)
    assert cached.id(4) == source.id(4)


def test_broken_samples_are_remembered(root: Path, tmp_path: Path) -> None:
    cached = CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    for read in (cached.read, cached.annotations):
        with pytest.raises(BadFile, match=r"train4\.jpg: is empty") as caught:
            read(4)
        assert caught.value.reason == "is empty"


def test_what_is_read_can_be_written_to(root: Path, tmp_path: Path) -> None:
    cached = CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    before = pickle.dumps(cached.read(0))
    sample = cached.read(0)
    sample.image[:] = 0
    boxes, mask = sample.targets["boxes"], sample.targets["mask"]
    assert isinstance(boxes, Boxes)
    assert isinstance(mask, np.ndarray)
    boxes.xyxy[:] = 0
    mask[:] = 0
    assert pickle.dumps(cached.read(0)) == before


def test_a_worker_gets_no_copy_of_the_images(root: Path, tmp_path: Path) -> None:
    cached = CachedSource.open(_source(root), TARGETS, Stretch(64), tmp_path / "cache")
    sample = cached.read(0)
    pickled = pickle.dumps(cached)
    assert len(pickled) < 64 * 64 * 3
    _same(pickle.loads(pickled).read(0), sample)


def test_it_is_built_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    assert [record.message.split(" in ")[0] for record in caplog.records] == [
        "building the cache of 6 images"
    ]
    monkeypatch.setattr(VocSource, "read", None)
    again = CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    assert again.folder == first.folder
    assert len(caplog.records) == 1
    _same(first.read(0), again.read(0))


@pytest.mark.parametrize(
    "part", ["JPEGImages/train0.jpg", "Annotations/train0.xml", "SegmentationClass/train0.png"]
)
def test_a_changed_file_makes_it_stale(
    root: Path, tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "cache"
    CachedSource.open(_source(root), TARGETS, Stretch(16), folder)
    os.utime(root / part, ns=(1, 1))
    caplog.set_level(logging.INFO)
    caplog.clear()
    cached = CachedSource.open(_source(root), TARGETS, Stretch(16), folder)
    assert [record.message.split(" of ")[0] for record in caplog.records] == [
        "rebuilding the stale cache"
    ]
    assert list(folder.iterdir()) == [cached.folder]


def test_a_mended_file_is_read_again(root: Path, tmp_path: Path) -> None:
    CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    good = (root / "JPEGImages" / "train0.jpg").read_bytes()
    (root / "JPEGImages" / "train4.jpg").write_bytes(good)
    cached = CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    assert cached.read(4).image.shape == (16, 16, 3)


def test_other_settings_have_their_own_cache(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    caches = [
        CachedSource.open(_source(root), TARGETS, Stretch(16), folder),
        CachedSource.open(_source(root), TARGETS, Stretch(16, inverted=True), folder),
        CachedSource.open(_source(root), TARGETS, Stretch(8), folder),
        CachedSource.open(_source(root, ("person", "dog", "car")), TARGETS, Stretch(16), folder),
    ]
    assert len({cached.folder for cached in caches}) == len(list(folder.iterdir())) == 4
    assert np.array_equal(caches[0].read(0).image, 255 - caches[1].read(0).image)
    one, other = caches[0].read(0).targets["labels"], caches[3].read(0).targets["labels"]
    assert np.array_equal(one, other[::-1])  # type: ignore[arg-type, index]


def test_a_failed_build_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_build, "save_index", full)
    with pytest.raises(UserError, match=r"No space left on device.*data\.cache_dir= or"):
        CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_build_left_is_cleared_a_day_later(root: Path, tmp_path: Path) -> None:
    old, new = (tmp_path / "cache" / f".temporary-{name}" for name in ("old", "new"))
    for path in (old, new):
        path.mkdir(parents=True)
    day = time.time() - 25 * 3600
    os.utime(old, (day, day))
    CachedSource.open(_source(root), TARGETS, Stretch(16), tmp_path / "cache")
    assert (old.exists(), new.exists()) == (False, True)


def test_two_builders_end_with_one_good_cache(root: Path, tmp_path: Path) -> None:
    folder, preprocess = tmp_path / "cache", Stretch(16)
    place = folder / "what-state"
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(cache_build.build, _source(root), TARGETS, preprocess, place)
            for _ in range(4)
        ]
        for job in jobs:
            job.result()
    assert list(folder.iterdir()) == [place]
    cached = CachedSource(_source(root), TARGETS, place)
    _same(preprocess(_source(root).read(0, 16))[0], cached.read(0))


def test_a_source_without_files_is_refused(tmp_path: Path) -> None:
    source = ArraySource(np.zeros((1, 8, 8, 3), np.uint8), ["a"], {}, {})
    with pytest.raises(UserError, match=r"ArraySource is no FileSource; set data\.cache=false"):
        CachedSource.open(source, {}, Stretch(8), tmp_path)
