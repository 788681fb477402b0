"""A cache that is full, that others build or clear at the same time, or whose building failed."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
from mtl.data.loading import cache_build
from mtl.data.loading.cache_store import Store
from mtl.data.sources.limited import limited
from mtl.errors import UserError


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shard is in use yet."""
    monkeypatch.setattr(Store, "in_use", set())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return damaged_voc(tmp_path / "voc")


def test_a_failed_build_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_build, "save_index", full)
    with pytest.raises(UserError, match=r"No space left on device.*data\.cache_dir= or"):
        open_cache(voc_source(root), tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []
    assert Store(tmp_path / "cache").shards() == []


def test_what_a_killed_build_left_is_cleared_a_day_later(root: Path, tmp_path: Path) -> None:
    old, new = (tmp_path / "cache" / f".temporary-{name}" for name in ("old", "new"))
    for path in (old, new):
        path.mkdir(parents=True)
    day = time.time() - 25 * 3600
    os.utime(old, (day, day))
    open_cache(voc_source(root), tmp_path / "cache")
    assert (old.exists(), new.exists()) == (False, True)


def test_threads_that_build_at_once_end_with_good_entries(root: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(open_cache, voc_source(root), tmp_path / "cache") for _ in range(4)]
        caches = [job.result() for job in jobs]
    expected = Stretch(SIDE)(voc_source(root).read(0, SIDE))[0]
    for cached in [*caches, open_cache(voc_source(root), tmp_path / "cache")]:
        assert_same(expected, cached.read(0))


def build_slowly(folder: Path) -> None:
    """Say ``made`` for each picture, while another process does the same."""
    picture = cache_build.picture

    def slow(*arguments: object) -> object:
        print("made", flush=True)
        time.sleep(0.05)
        return picture(*arguments)  # type: ignore[arg-type]

    cache_build.picture = slow  # type: ignore[assignment]
    cached = open_cache(train_of(write_photos(folder / "photos", 0)), folder / "cache")
    assert [cached.read(i).image[0, 0, 0] for i in range(6)] == list(range(6))


@pytest.mark.slow
def test_of_two_processes_one_builds_and_the_other_waits(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 6)
    import fresh

    both = [fresh.start(build_slowly, tmp_path, cwd=tmp_path / name) for name in ("one", "other")]
    assert [process.wait(100).code for process in both] == [0, 0]
    assert "".join(process.out for process in both).count("made") == 6


@pytest.mark.parametrize("name", ["p", "ph", "pho", "phot"])  # whose length counts, by the byte
def test_a_full_cache_reads_the_rest_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setattr(cache_module, "PER_SHARD", 4)
    source = train_of(write_photos(tmp_path / name, 12))
    open_cache(limited(source, 4), tmp_path / "probe")
    (shard,) = Store(tmp_path / "probe").shards()
    cached = open_cache(source, tmp_path / "cache", size=2.5 * shard.size / 1e9)
    held = int((cached.places[:, 0] >= 0).sum())
    assert 8 <= held < 12
    assert f"is full with {held} of 12 images; the others are read from files" in caplog.text
    assert [cached.read(index).image[0, 0, 0] for index in range(12)] == list(range(12))
    assert cached.annotations(11) == {"label": 0}
    assert sum(shard.size for shard in Store(tmp_path / "cache").shards()) <= 2.5 * shard.size


def test_what_was_used_least_recently_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = noted(monkeypatch)
    folder = tmp_path / "cache"
    sources = [train_of(write_photos(tmp_path / name, 4)) for name in ("a", "b", "c")]
    for age, source in zip((30, 20), sources, strict=False):
        (path,) = open_cache(source, folder).shards
        os.utime(path / "about.json", (time.time() - age,) * 2)
    size = max(shard.size for shard in Store(folder).shards())
    open_cache(sources[0], folder)
    Store.in_use.clear()
    open_cache(sources[2], folder, size=2.5 * size / 1e9)
    kept = {shard.about["folder"] for shard in Store(folder).shards()}
    assert kept == {str(tmp_path / name / "cat") for name in ("a", "c")}
    assert len(written) == 12


def test_a_process_makes_no_room_at_its_own_expense(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    train = open_cache(train_of(write_photos(tmp_path / "train", 4)), folder)
    (shard,) = Store(folder).shards()
    val = open_cache(
        train_of(write_photos(tmp_path / "val", 4)), folder, size=1.1 * shard.size / 1e9
    )
    assert (train.places[:, 0] >= 0).all()
    assert (val.places[:, 0] < 0).all()
    assert train.shards[0].is_dir()


def test_entries_that_another_process_took_away_are_read_from_files(
    root: Path, tmp_path: Path
) -> None:
    cached = open_cache(voc_source(root), tmp_path / "cache")
    Store(tmp_path / "cache").clear()
    assert_same(Stretch(SIDE)(voc_source(root).read(0, SIDE))[0], cached.read(0))
