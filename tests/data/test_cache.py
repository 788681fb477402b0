"""What a cache of files holds, and when it is made again."""

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from cache_kit import (
    SIDE,
    Stretch,
    assert_same,
    damaged_voc,
    noted,
    open_cache,
    train_of,
    voc_source,
    write_photos,
)

from mtl.data.loading import cache as cache_module
from mtl.data.loading.cache import CachedSource
from mtl.data.loading.cache_store import Store
from mtl.data.sample import Boxes
from mtl.data.sources.base import ArraySource
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.limited import limited
from mtl.data.sources.voc_source import VocSource
from mtl.errors import BadFile, UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return damaged_voc(tmp_path / "voc")


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shard is in use yet."""
    monkeypatch.setattr(Store, "in_use", set())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return noted(monkeypatch)


def test_the_cache_gives_what_preprocessing_gives(root: Path, tmp_path: Path) -> None:
    source, preprocess = voc_source(root), Stretch(SIDE)
    cached = open_cache(source, tmp_path / "cache")
    assert len(cached) == 6
    for index in (0, 1, 2, 3, 5):
        assert_same(preprocess(source.read(index, SIDE))[0], cached.read(index))
    (shard,) = cached.shards
    images = np.load(shard / "images.npy", mmap_mode="r", allow_pickle=False)
    assert images.shape == (6, SIDE, SIDE, 3)
    assert cached.id(4) == source.id(4)


def test_broken_samples_are_remembered(root: Path, tmp_path: Path, written: list[str]) -> None:
    for _ in range(2):
        cached = open_cache(voc_source(root), tmp_path / "cache")
        for read in (cached.read, cached.annotations):
            with pytest.raises(BadFile, match=r"train4\.jpg: is empty") as caught:
                read(4)
            assert caught.value.reason == "is empty"
    assert written == [f"train{number}.jpg" for number in range(6)]


def test_what_is_read_can_be_written_to(root: Path, tmp_path: Path) -> None:
    cached = open_cache(voc_source(root), tmp_path / "cache")
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
    cached = open_cache(voc_source(root), tmp_path / "cache", Stretch(64))
    sample = cached.read(0)
    pickled = pickle.dumps(cached)
    assert len(pickled) < 64 * 64 * 3
    assert_same(pickle.loads(pickled).read(0), sample)


def test_it_is_built_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = open_cache(voc_source(root), tmp_path / "cache")
    assert [record.message.split(" in ")[0] for record in caplog.records] == [
        "caching 6 of 6 images"
    ]
    monkeypatch.setattr(VocSource, "read", None)
    again = open_cache(voc_source(root), tmp_path / "cache")
    assert again.shards == first.shards
    assert len(caplog.records) == 1
    assert_same(first.read(0), again.read(0))


@pytest.mark.parametrize(
    "part", ["JPEGImages/train0.jpg", "Annotations/train0.xml", "SegmentationClass/train0.png"]
)
def test_of_changed_files_the_samples_alone_are_made_again(
    root: Path, tmp_path: Path, part: str, written: list[str]
) -> None:
    open_cache(voc_source(root), tmp_path / "cache")
    os.utime(root / part, ns=(1, 1))
    written.clear()
    cached = open_cache(voc_source(root), tmp_path / "cache")
    assert written == ["train0.jpg"]
    assert (cached.places[:, 1] == [0, 1, 2, 3, 4, 5]).all()
    assert (cached.places[:, 0] == [0, 1, 1, 1, 1, 1]).all()


def test_a_mended_file_is_read_again(root: Path, tmp_path: Path) -> None:
    open_cache(voc_source(root), tmp_path / "cache")
    good = (root / "JPEGImages" / "train0.jpg").read_bytes()
    (root / "JPEGImages" / "train4.jpg").write_bytes(good)
    assert open_cache(voc_source(root), tmp_path / "cache").read(4).image.shape == (SIDE, SIDE, 3)


def test_splits_and_limits_share_entries(tmp_path: Path, written: list[str]) -> None:
    """What was cached for one choice of the files serves every other."""
    whole = train_of(write_photos(tmp_path / "photos", 12))
    folder = tmp_path / "cache"
    open_cache(limited(whole, 4), folder)
    assert len(written) == 4
    open_cache(limited(whole, 9), folder)
    assert len(written) == 9
    held = ImageFolder(root=str(tmp_path / "photos"), image_size=SIDE, val_fraction=0.5)
    for split in ("train", "val"):
        source = held.split(split)  # type: ignore[arg-type]
        assert source is not None
        cached = open_cache(source, folder)
        for index in range(len(source)):
            assert cached.read(index).image[0, 0, 0] == int(Path(source.id(index)).stem)
    assert sorted(written) == [f"{number:02}.png" for number in range(12)]


def test_a_path_written_otherwise_is_the_same_file(
    tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_cache(train_of(write_photos(tmp_path / "photos", 2)), tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    again = ImageFolder(root="photos", image_size=SIDE, val_fraction=0)
    cached = open_cache(train_of(again), tmp_path / "cache")
    assert len(written) == 2
    assert cached.id(0) == "photos/cat/00.png"


def test_other_settings_have_entries_of_their_own(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    caches = [
        open_cache(voc_source(root), folder),
        open_cache(voc_source(root), folder, Stretch(SIDE, inverted=True)),
        open_cache(voc_source(root), folder, Stretch(8)),
        open_cache(voc_source(root, ("person", "dog", "car")), folder),
    ]
    assert len({cached.shards[0].parent for cached in caches}) == 4
    assert np.array_equal(caches[0].read(0).image, 255 - caches[1].read(0).image)
    one, other = caches[0].read(0).targets["labels"], caches[3].read(0).targets["labels"]
    assert np.array_equal(one, other[::-1])


def test_many_samples_lie_in_a_few_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "PER_SHARD", 5)
    cached = open_cache(train_of(write_photos(tmp_path / "photos", 12)), tmp_path / "cache")
    assert len(cached.shards) == 3
    assert [cached.read(index).image[0, 0, 0] for index in range(12)] == list(range(12))


def test_a_source_without_files_is_refused(tmp_path: Path) -> None:
    source = ArraySource(np.zeros((1, 8, 8, 3), np.uint8), ["a"], {}, {})
    with pytest.raises(UserError, match=r"ArraySource is no FileSource; set data\.cache=false"):
        CachedSource.open(source, {}, Stretch(8), tmp_path)
