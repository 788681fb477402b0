import logging
import os
import pickle
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from voc_factory import make_voc, write_annotation

from mtl.cli import cache as command
from mtl.cli.main import main
from mtl.data.loading import cache as cache_module
from mtl.data.loading import cache_build
from mtl.data.loading.cache import CachedSource
from mtl.data.loading.cache_store import Store
from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.limited import limited
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


SIDE = 16
PIXELS = SIDE * SIDE * 3


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own: no shard is in use yet."""
    monkeypatch.setattr(Store, "in_use", set())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are put into the cache, as they are."""
    seen: list[str] = []
    picture = cache_build.picture

    def noted(source: Source, index: int, *rest: Any) -> Any:
        seen.append(Path(source.id(index)).name)
        return picture(source, index, *rest)

    monkeypatch.setattr(cache_build, "picture", noted)
    return seen


def _cached(
    source: Source, folder: Path, steps: Preprocess | None = None, **more: Any
) -> CachedSource:
    return CachedSource.open(source, TARGETS, steps or Stretch(SIDE), folder, **more)


def _photos(root: Path, count: int) -> ImageFolder:
    (root / "cat").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(root / "cat" / f"{number:02}.png")
    return ImageFolder(root=str(root), image_size=SIDE, val_fraction=0)


def _train(data: ImageFolder) -> Source:
    source = data.split("train")
    assert source is not None
    return source


def test_the_cache_gives_what_preprocessing_gives(root: Path, tmp_path: Path) -> None:
    source, preprocess = _source(root), Stretch(SIDE)
    cached = _cached(source, tmp_path / "cache")
    assert len(cached) == 6
    for index in (0, 1, 2, 3, 5):
        _same(preprocess(source.read(index, SIDE))[0], cached.read(index))
    (shard,) = cached.shards
    images = np.load(shard / "images.npy", mmap_mode="r", allow_pickle=False)
    assert images.shape == (6, SIDE, SIDE, 3)
    assert cached.id(4) == source.id(4)


def test_broken_samples_are_remembered(root: Path, tmp_path: Path, written: list[str]) -> None:
    for _ in range(2):
        cached = _cached(_source(root), tmp_path / "cache")
        for read in (cached.read, cached.annotations):
            with pytest.raises(BadFile, match=r"train4\.jpg: is empty") as caught:
                read(4)
            assert caught.value.reason == "is empty"
    assert written == [f"train{number}.jpg" for number in range(6)]


def test_what_is_read_can_be_written_to(root: Path, tmp_path: Path) -> None:
    cached = _cached(_source(root), tmp_path / "cache")
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
    cached = _cached(_source(root), tmp_path / "cache", Stretch(64))
    sample = cached.read(0)
    pickled = pickle.dumps(cached)
    assert len(pickled) < 64 * 64 * 3
    _same(pickle.loads(pickled).read(0), sample)


def test_it_is_built_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = _cached(_source(root), tmp_path / "cache")
    assert [record.message.split(" in ")[0] for record in caplog.records] == [
        "caching 6 of 6 images"
    ]
    monkeypatch.setattr(VocSource, "read", None)
    again = _cached(_source(root), tmp_path / "cache")
    assert again.shards == first.shards
    assert len(caplog.records) == 1
    _same(first.read(0), again.read(0))


@pytest.mark.parametrize(
    "part", ["JPEGImages/train0.jpg", "Annotations/train0.xml", "SegmentationClass/train0.png"]
)
def test_of_changed_files_the_samples_alone_are_made_again(
    root: Path, tmp_path: Path, part: str, written: list[str]
) -> None:
    _cached(_source(root), tmp_path / "cache")
    os.utime(root / part, ns=(1, 1))
    written.clear()
    cached = _cached(_source(root), tmp_path / "cache")
    assert written == ["train0.jpg"]
    assert (cached.places[:, 1] == [0, 1, 2, 3, 4, 5]).all()
    assert (cached.places[:, 0] == [0, 1, 1, 1, 1, 1]).all()


def test_a_mended_file_is_read_again(root: Path, tmp_path: Path) -> None:
    _cached(_source(root), tmp_path / "cache")
    good = (root / "JPEGImages" / "train0.jpg").read_bytes()
    (root / "JPEGImages" / "train4.jpg").write_bytes(good)
    assert _cached(_source(root), tmp_path / "cache").read(4).image.shape == (SIDE, SIDE, 3)


def test_splits_and_limits_share_entries(tmp_path: Path, written: list[str]) -> None:
    """What was cached for one choice of the files serves every other."""
    whole = _train(_photos(tmp_path / "photos", 12))
    folder = tmp_path / "cache"
    _cached(limited(whole, 4), folder)
    assert len(written) == 4
    _cached(limited(whole, 9), folder)
    assert len(written) == 9
    held = ImageFolder(root=str(tmp_path / "photos"), image_size=SIDE, val_fraction=0.5)
    for split in ("train", "val"):
        source = held.split(split)  # type: ignore[arg-type]
        assert source is not None
        cached = _cached(source, folder)
        for index in range(len(source)):
            assert cached.read(index).image[0, 0, 0] == int(Path(source.id(index)).stem)
    assert sorted(written) == [f"{number:02}.png" for number in range(12)]


def test_a_path_written_otherwise_is_the_same_file(
    tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _cached(_train(_photos(tmp_path / "photos", 2)), tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    again = ImageFolder(root="photos", image_size=SIDE, val_fraction=0)
    cached = _cached(_train(again), tmp_path / "cache")
    assert len(written) == 2
    assert cached.id(0) == "photos/cat/00.png"


def test_other_settings_have_entries_of_their_own(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    caches = [
        _cached(_source(root), folder),
        _cached(_source(root), folder, Stretch(SIDE, inverted=True)),
        _cached(_source(root), folder, Stretch(8)),
        _cached(_source(root, ("person", "dog", "car")), folder),
    ]
    assert len({cached.shards[0].parent for cached in caches}) == 4
    assert np.array_equal(caches[0].read(0).image, 255 - caches[1].read(0).image)
    one, other = caches[0].read(0).targets["labels"], caches[3].read(0).targets["labels"]
    assert np.array_equal(one, other[::-1])


def test_many_samples_lie_in_a_few_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "PER_SHARD", 5)
    cached = _cached(_train(_photos(tmp_path / "photos", 12)), tmp_path / "cache")
    assert len(cached.shards) == 3
    assert [cached.read(index).image[0, 0, 0] for index in range(12)] == list(range(12))


def test_a_failed_build_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_build, "save_index", full)
    with pytest.raises(UserError, match=r"No space left on device.*data\.cache_dir= or"):
        _cached(_source(root), tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []
    assert Store(tmp_path / "cache").shards() == []


def test_what_a_killed_build_left_is_cleared_a_day_later(root: Path, tmp_path: Path) -> None:
    old, new = (tmp_path / "cache" / f".temporary-{name}" for name in ("old", "new"))
    for path in (old, new):
        path.mkdir(parents=True)
    day = time.time() - 25 * 3600
    os.utime(old, (day, day))
    _cached(_source(root), tmp_path / "cache")
    assert (old.exists(), new.exists()) == (False, True)


def test_threads_that_build_at_once_end_with_good_entries(root: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(_cached, _source(root), tmp_path / "cache") for _ in range(4)]
        caches = [job.result() for job in jobs]
    expected = Stretch(SIDE)(_source(root).read(0, SIDE))[0]
    for cached in [*caches, _cached(_source(root), tmp_path / "cache")]:
        _same(expected, cached.read(0))


@pytest.mark.slow
def test_of_two_processes_one_builds_and_the_other_waits(tmp_path: Path) -> None:
    _photos(tmp_path / "photos", 6)
    code = f"""
        import time
        from pathlib import Path
        from mtl.data.loading import cache_build
        from mtl.data.loading.cache import CachedSource
        from mtl.data.preprocess.standard import Standard
        from mtl.data.sources.image_folder import ImageFolder
        picture = cache_build.picture
        def slow(*arguments):
            print("made", flush=True)
            time.sleep(0.05)
            return picture(*arguments)
        cache_build.picture = slow
        data = ImageFolder(root={str(tmp_path / "photos")!r}, image_size=8, val_fraction=0)
        steps = Standard(8, (0.5,) * 3, (0.5,) * 3)
        source = data.split("train")
        cached = CachedSource.open(source, data.targets, steps, Path({str(tmp_path / "cache")!r}))
        assert [cached.read(i).image[0, 0, 0] for i in range(6)] == list(range(6))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(said).count("made") == 6


def test_a_full_cache_reads_the_rest_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache_module, "PER_SHARD", 4)
    source = _train(_photos(tmp_path / "photos", 12))
    _cached(limited(source, 4), tmp_path / "probe")
    (shard,) = Store(tmp_path / "probe").shards()
    cached = _cached(source, tmp_path / "cache", size=2.5 * shard.size / 1e9)
    held = int((cached.places[:, 0] >= 0).sum())
    assert 8 <= held < 12
    assert f"is full with {held} of 12 images; the others are read from files" in caplog.text
    assert [cached.read(index).image[0, 0, 0] for index in range(12)] == list(range(12))
    assert cached.annotations(11) == {"label": 0}
    assert sum(shard.size for shard in Store(tmp_path / "cache").shards()) <= 2.5 * shard.size


def test_what_was_used_least_recently_makes_room(tmp_path: Path, written: list[str]) -> None:
    folder = tmp_path / "cache"
    sources = [_train(_photos(tmp_path / name, 4)) for name in ("a", "b", "c")]
    for age, source in zip((30, 20), sources, strict=False):
        (path,) = _cached(source, folder).shards
        os.utime(path / "about.json", (time.time() - age,) * 2)
    size = max(shard.size for shard in Store(folder).shards())
    _cached(sources[0], folder)
    Store.in_use.clear()
    _cached(sources[2], folder, size=2.5 * size / 1e9)
    kept = {shard.about["folder"] for shard in Store(folder).shards()}
    assert kept == {str(tmp_path / name / "cat") for name in ("a", "c")}
    assert len(written) == 12


def test_a_process_makes_no_room_at_its_own_expense(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    train = _cached(_train(_photos(tmp_path / "train", 4)), folder)
    (shard,) = Store(folder).shards()
    val = _cached(_train(_photos(tmp_path / "val", 4)), folder, size=1.1 * shard.size / 1e9)
    assert (train.places[:, 0] >= 0).all()
    assert (val.places[:, 0] < 0).all()
    assert train.shards[0].is_dir()


def test_entries_that_another_process_took_away_are_read_from_files(
    root: Path, tmp_path: Path
) -> None:
    cached = _cached(_source(root), tmp_path / "cache")
    Store(tmp_path / "cache").clear()
    _same(Stretch(SIDE)(_source(root).read(0, SIDE))[0], cached.read(0))


def test_a_source_without_files_is_refused(tmp_path: Path) -> None:
    source = ArraySource(np.zeros((1, 8, 8, 3), np.uint8), ["a"], {}, {})
    with pytest.raises(UserError, match=r"ArraySource is no FileSource; set data\.cache=false"):
        CachedSource.open(source, {}, Stretch(8), tmp_path)


def test_the_command_shows_and_clears(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cache"
    place = f"data.cache_dir={folder}"
    assert main(["cache", place]) == 0
    assert capsys.readouterr().out == f"{folder} holds no cache; data.cache=true makes one\n"
    source = _train(_photos(tmp_path / "photos", 4))
    _cached(limited(source, 3), folder)
    _cached(source, folder)
    _cached(source, folder, Stretch(8, inverted=True))
    older = folder / f"{'0' * 16}-{'1' * 16}"
    older.mkdir()
    (older / "images.npy").write_bytes(bytes(1000))
    (folder / "mine.txt").write_text("not a cache")
    images, later = str(tmp_path / "photos" / "cat"), time.time() + 7200
    assert [row[:4] + row[5:] for row in command.rows(Store(folder).shards(), later)] == [
        [images, "Stretch image_size=8 inverted=True", "4", "7", "2 hours ago"],
        [images, "Stretch image_size=16 inverted=False", "4", "14", "2 hours ago"],
        ["", command.OLDER, "", "1", ""],
    ]
    assert main(["cache", place]) == 0
    assert f"in {folder}; clear=true deletes it" in capsys.readouterr().out
    assert main(["cache", place, "clear=true"]) == 0
    assert capsys.readouterr().out == f"1 MB freed in {folder}\n"
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("clear", "clear: mtl cache takes data.cache_dir=FOLDER and clear=true"),
        ("clear=yes", "clear=yes: choose one of true, false"),
        ("data.cache_dir=pyproject.toml", "data.cache_dir=pyproject.toml is no folder"),
    ],
)
def test_the_commands_mistakes(
    argument: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(UserError, match=message):
        command.run([argument])
