"""Many small shards of the cache become a few, and nobody who reads is disturbed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtl.data.loading import cache as cache_module
from mtl.data.loading.cache import CachedSource
from mtl.data.loading.cache_merge import SCATTERED
from mtl.data.loading.cache_store import Store
from mtl.data.preprocess.standard import Standard
from mtl.data.sources.base import Source
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.limited import limited
from mtl.errors import BadFile

SIDE = 8
HOLD = """
import fcntl, os, sys
locks = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
[fcntl.lockf(lock, fcntl.LOCK_SH) for lock in locks]
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own."""
    monkeypatch.setattr(Store, "in_use", set())


@pytest.fixture
def photos(tmp_path: Path) -> Source:
    """Of twenty, each tells its number, and one of the first is broken."""
    folder = tmp_path / "photos" / "cat"
    folder.mkdir(parents=True)
    for number in range(20):
        Image.new("RGB", (SIDE, SIDE), (number, 0, 0)).save(folder / f"{number:02}.png")
    source = ImageFolder(root=str(folder.parent), image_size=SIDE, val_fraction=0).split("train")
    assert source is not None
    Path(limited(source, 3).id(1)).write_bytes(b"")
    return source


def opened(source: Source, folder: Path) -> CachedSource:
    data = ImageFolder(root=str(folder.parent / "photos"), image_size=SIDE, val_fraction=0)
    steps = Standard(SIDE, (0.5,) * 3, (0.5,) * 3)
    return CachedSource.open(source, data.targets, steps, folder)


def small_runs(source: Source, folder: Path, count: int = SCATTERED) -> list[Path]:
    """Each sees one image more, which it leaves in a shard of its own."""
    for number in range(1, count + 1):
        opened(limited(source, number), folder)
    Store.in_use.clear()
    return [shard.path for shard in Store(folder).shards()]


def check(cached: CachedSource) -> None:
    for index in range(len(cached)):
        file = Path(cached.id(index))
        if file.stat().st_size == 0:
            with pytest.raises(BadFile, match="is empty"):
                cached.read(index)
        else:
            sample = cached.read(index)
            assert sample.image[0, 0, 0] == int(file.stem)
            assert sample.targets == {"label": 0}


@contextmanager
def another_process(shards: list[Path]) -> Iterator[None]:
    """One that reads some shards."""
    command = [sys.executable, "-I", "-S", "-c", HOLD, *(str(s / "in_use.lock") for s in shards)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


def test_the_next_run_merges_what_small_ones_left(
    photos: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    assert len(small_runs(photos, folder)) == SCATTERED
    opened(limited(photos, 2), folder)
    (shard,) = Store(folder).shards()
    assert shard.about["samples"] == SCATTERED
    assert shard.about["folder"] == str(tmp_path / "photos" / "cat")
    assert (shard.files, json.loads((shard.path / "broken.json").read_text()) != {}) == (7, True)
    monkeypatch.setattr(cache_module, "write_shard", None)
    check(opened(limited(photos, SCATTERED), folder))


def test_full_shards_stay_and_few_ones_too(
    photos: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    few = small_runs(photos, folder, SCATTERED - 1)
    check(opened(limited(photos, SCATTERED - 1), folder))
    assert {shard.path for shard in Store(folder).shards()} == set(few)
    monkeypatch.setattr(cache_module, "PER_SHARD", 4)
    cached = opened(photos, folder)
    check(cached)
    Store.in_use.clear()
    check(opened(photos, folder))
    # Seven of one, and thirteen in fours: the last one is small too, and makes eight.
    sizes = sorted(shard.about["samples"] for shard in Store(folder).shards())
    assert sizes == [4, 4, 4, 4, 4]


def test_what_another_process_reads_is_left_alone(photos: Source, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    small = small_runs(photos, folder)
    with another_process(small[:3]):
        check(opened(limited(photos, SCATTERED), folder))
        left = {shard.path for shard in Store(folder).shards()}
        assert left & set(small) == set(small[:3])
        assert len(left) == 4


def test_shards_that_are_merged_before_they_are_held_are_looked_for_again(
    photos: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    small = small_runs(photos, folder, 2)
    entries, calls = Store.entries, []

    def overtaken(self: Store, work: str) -> dict[bytes, tuple[Path, int]]:
        found = entries(self, work)
        calls.append(work)
        if len(calls) == 2:
            self.remove(small[0])
        return found

    monkeypatch.setattr(Store, "entries", overtaken)
    cached = opened(limited(photos, 2), folder)
    assert len(calls) == 3
    assert np.count_nonzero(cached.places[:, 0] >= 0) == 1


def test_what_can_not_be_read_stays_as_it_is(photos: Source, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    small = small_runs(photos, folder)
    (small[4] / "broken.json").write_text("{")
    opened(limited(photos, 1), folder)
    assert {shard.path for shard in Store(folder).shards()} == set(small)
    assert list(folder.glob(".temporary-*")) == []
