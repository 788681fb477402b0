"""The same pictures labelled in several layouts: one sample of each, with the targets of all."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from resume_kit import resumed
from training_kit import fit

from mtl.cli.main import main
from mtl.config.load import load
from mtl.data import image_format
from mtl.data.build import build_data
from mtl.data.image_file import read_image
from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.joined import Joined
from mtl.errors import BadFile, UserError

DOCS = Path(__file__).parents[2] / "docs/data.md"
RECIPE = "mtl train data=joined"
COUNT, SIDE = 40, 32
HALF = range(0, COUNT, 2)
"""The pictures that have a mask."""
ANIMALS = ("cat", "dog")


def left(number: int) -> int:
    """Where the box of a picture begins, of which it is 8 pixels wide and 16 high."""
    return number % 3 * 8


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Boxes as YOLO's text files, a table with a class and a number, masks for half."""
    root = tmp_path / "photos"
    for part in ("images", "labels", "masks"):
        (root / part).mkdir(parents=True)
    (root / "data.yaml").write_text("names: [thing]\ntrain: images\n")
    lines = ["picture,animal,age"]
    for number in range(COUNT):
        x = left(number)
        pixels = np.full((SIDE, SIDE, 3), number, np.uint8)
        pixels[4:20, x : x + 8] = 200
        Image.fromarray(pixels).save(root / "images" / f"{number}.png")
        shares = (x + 4) / SIDE, 12 / SIDE, 8 / SIDE, 16 / SIDE
        (root / "labels" / f"{number}.txt").write_text(f"0 {' '.join(map(str, shares))}\n")
        lines.append(f"{number}.png,{ANIMALS[number % 2]},{number / 2}")
        if number in HALF:
            mask = (pixels[..., 0] == 200).astype(np.uint8)
            Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    (root / "table.csv").write_text("\n".join(lines))
    return root


def overrides(root: Path, *more: str) -> list[str]:
    """The recipe of docs/data.md."""
    line = next(line for line in DOCS.read_text().splitlines() if line.startswith(RECIPE))
    recipe = shlex.split(line)[2:]
    small = ["image_size=32", "data.workers=0", *more]
    return [one.replace(".root=photos", f".root={root}") for one in recipe] + small


def opened(root: Path, *more: str) -> MultiTaskData:
    data = build_data(load(overrides(root, *more)))
    data.prepare_data()
    return data


def joined(root: Path, *more: str) -> Joined:
    found = opened(root, *more).data_set
    assert isinstance(found, Joined)
    return found


def split(data: Joined, name: Split) -> FileSource:
    source = data.split(name)
    assert source is not None
    return source


def test_each_picture_is_one_sample_with_the_targets_of_all_sets(photos: Path) -> None:
    data = joined(photos)
    whole = {"yolo.boxes", "table.label", "table.numbers", "masks.mask"}
    assert whole < set(data.targets)
    seen = []
    for name in ("train", "val"):
        source = split(data, name)
        for index in range(len(source)):
            number = int(Path(source.id(index)).stem)
            seen.append(source.id(index))
            sample = source.read(index)
            assert sample.id == source.id(index)
            assert sample.image[0, 31].tolist() == [number] * 3
            x = left(number)
            assert sample.targets["yolo.boxes"].xyxy.tolist() == [[x, 4, x + 8, 20]]
            assert sample.targets["table.label"] == number % 2
            assert sample.targets["table.numbers"].tolist() == [number / 2]
            assert ("masks.mask" in sample.targets) == (number in HALF)
            if number in HALF:
                assert sample.targets["masks.mask"].sum() == 8 * 16
                assert sample.targets["masks.mask"][4:20, x : x + 8].all()
            told = source.annotations(index)
            assert told.keys() == sample.targets.keys()
            image = data.image(name, sample.id)
            assert image is not None
            assert np.array_equal(image, sample.image)
            names = {path.relative_to(photos).as_posix() for path in source.files(index)}
            assert names >= {f"images/{number}.png", f"labels/{number}.txt"}
            assert (f"masks/{number}.png" in names) == (number in HALF)
    # Each picture once, so that none is in train and in val.
    assert sorted(seen) == sorted(str(photos / "images" / f"{n}.png") for n in range(COUNT))
    assert data.split("test") is None
    assert data.image("val", "nobody") is None
    assert "40 pictures in yolo, table, masks" in data.decided()


def test_a_picture_that_a_set_does_not_have_lacks_its_targets(photos: Path) -> None:
    rows = (photos / "table.csv").read_text().splitlines()
    (photos / "table.csv").write_text("\n".join(rows[:21]))
    data = joined(photos, "data.sets.masks.unlabelled=drop")
    found = {}
    for name in ("train", "val"):
        source = split(data, name)
        for index in range(len(source)):
            number = int(Path(source.id(index)).stem)
            found[number] = {target.partition(".")[0] for target in source.read(index).targets}
    for number in range(COUNT):
        masked, listed = number in HALF, number < 20
        wanted = {"yolo", *(["table"] if listed else []), *(["masks"] if masked else [])}
        assert found[number] == wanted
    said = data.decided()
    assert "10 pictures in yolo, table, masks" in said
    assert "10 pictures in yolo" in said


def test_links_lead_to_the_same_picture(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "linked"
    (other / "images").mkdir(parents=True)
    for path in (photos / "images").iterdir():
        (other / "images" / path.name).symlink_to(path)
    (photos / "table.csv").rename(other / "table.csv")
    data = joined(photos, f"data.sets.table.root={other}")
    assert {len(split(data, name).read(0).targets) for name in ("train", "val")} <= {5, 6}
    assert sum(len(split(data, name)) for name in ("train", "val")) == COUNT


def test_sets_that_split_otherwise_are_refused_unless_one_counts(photos: Path) -> None:
    with pytest.raises(UserError) as refused:
        joined(photos, "data.sets.table.split_seed=1")
    text = str(refused.value)
    assert text.startswith(f"data=joined: {photos.resolve() / 'images'}/")
    assert " of yolo" in text
    assert " of table" in text
    assert "such pictures); give the sets the same val_fraction, test_fraction and split" in text
    assert text.endswith("data.splits_of=yolo")
    assert "\n" not in text
    alone = joined(photos)
    data = joined(photos, "data.sets.table.split_seed=1", "data.splits_of=masks")
    for name in ("train", "val"):
        one, other = split(alone, name), split(data, name)
        assert [one.id(i) for i in range(len(one))] == [other.id(i) for i in range(len(other))]


def test_what_is_drawn_is_spread_over_what_pictures_have(photos: Path) -> None:
    data = opened(photos, "data.limit=8")
    ids = [name for batch in data.train_dataloader() for name in batch.ids]
    assert len(ids) == len(set(ids)) == 8
    again = opened(photos, "data.limit=8")
    assert ids == [name for batch in again.train_dataloader() for name in batch.ids]


def test_the_cache_hands_out_the_same(photos: Path, tmp_path: Path) -> None:
    def batches(*more: str) -> dict[str, np.ndarray]:
        options = ("augmentation=none", "batch_size=4", f"data.cache_dir={tmp_path / 'cache'}")
        loaded = opened(photos, *options, *more)
        return {
            name: row.numpy()
            for batch in loaded.val_dataloader()
            for name, row in zip(batch.ids, batch.image, strict=True)
        }

    plain, first, second = batches(), batches("data.cache=true"), batches("data.cache=true")
    assert plain.keys() == first.keys() == second.keys()
    for name, image in plain.items():
        assert np.array_equal(image, first[name])
        assert np.array_equal(image, second[name])


def test_merged_targets_may_come_from_one_set_alone(photos: Path) -> None:
    twice = ["data@data.sets.more=yolo", f"data.sets.more.root={photos}"]
    twice += ["data.merge={boxes: [yolo.boxes,more.boxes]}"]
    data = joined(photos, *twice)
    source = split(data, "train")
    with pytest.raises(BadFile, match="has boxes in more and in yolo, and a merged target may"):
        source.read(0)
    few = tmp_few(photos)
    parts = [f"data.sets.yolo.root={few[0]}", f"data.sets.more.root={few[1]}"]
    data = joined(photos, *twice, *parts)
    source = split(data, "train")
    for index in range(len(source)):
        x = left(int(Path(source.id(index)).stem))
        assert source.read(index).targets["boxes"].xyxy.tolist() == [[x, 4, x + 8, 20]]


def tmp_few(photos: Path) -> list[Path]:
    """Two YOLO sets, each of half of the pictures."""
    found = []
    for half in range(2):
        root = photos.parent / f"half{half}"
        (root / "images").mkdir(parents=True)
        (root / "labels").mkdir()
        (root / "data.yaml").write_text("names: [thing]\ntrain: images\n")
        for number in range(half, COUNT, 2):
            (root / "images" / f"{number}.png").symlink_to(photos / "images" / f"{number}.png")
            text = (photos / "labels" / f"{number}.txt").read_text()
            (root / "labels" / f"{number}.txt").write_text(text)
        found.append(root)
    return found


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["data.sets.table.limit=3"], r"data\.sets\.table\.limit: is one for all sets"),
        (["data.splits_of=tabel"], "data.splits_of: no set 'tabel'; did you mean 'table'"),
        (["data.sampling=equal"], "unknown key 'data.sampling'"),
    ],
)
def test_mistakes(photos: Path, more: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(overrides(photos, *more))


def test_sets_without_files_of_pictures_are_refused() -> None:
    made = ["data=joined", "data@data.sets.drawn=shapes", "tasks=[classification]"]
    with pytest.raises(UserError, match=r"data\.sets\.drawn: its samples are not told by their"):
        build_data(load([*made, "data.sets.drawn.train=4"])).prepare_data()
    with pytest.raises(UserError, match="data=joined has no sets yet: write data@data"):
        load(["data=joined"])


def test_a_picture_twice_in_one_set_is_refused(photos: Path) -> None:
    (photos / "images" / "again.png").symlink_to(photos / "images" / "3.png")
    with pytest.raises(UserError, match=r"data\.sets\.yolo: has .*3\.png twice"):
        joined(photos)


@pytest.mark.slow
def test_one_epoch_trains_all_tasks(photos: Path, tmp_path: Path) -> None:
    small = ["backbone.width=8", "heads.detection.channels=32", "batch_size=8", "epochs=1"]
    _, trainer = fit(load(overrides(photos, *small)), tmp_path / "run")
    logged = trainer.callback_metrics
    for task in ("detection", "classification", "regression", "segmentation"):
        assert np.isfinite(float(logged[f"val/{task}/loss"]))


def test_a_picture_is_decoded_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = joined(photos)
    source = split(data, "train")
    decoded = []

    def read(path: Path, size: int | None = None) -> Any:
        decoded.append(Path(path))
        return read_image(path, size)

    monkeypatch.setattr(image_format, "read_image", read)
    wanted = [Path(source.id(row)) for row in range(len(source))]
    for row in range(len(source)):
        source.read(row)
    assert decoded == wanted
    # Nothing is kept between samples.
    source.read(0)
    assert decoded == [*wanted, wanted[0]]


def test_balance_goes_by_a_target_of_one_set(photos: Path) -> None:
    rows = (photos / "table.csv").read_text().splitlines()
    few = [row.replace("dog", "cat") for row in rows[:-8]] + rows[-8:]
    (photos / "table.csv").write_text("\n".join(few))
    data = opened(photos, "data.balance=table.label", "batch_size=8")
    source = split(joined(photos), "train")
    numbers = [int(Path(source.id(row)).stem) for row in range(len(source))]
    rare = {number for number in numbers if number >= 32 and number % 2}
    drawn = [int(Path(name).stem) for batch in data.train_dataloader() for name in batch.ids]
    share = sum(number in rare for number in drawn) / len(drawn)
    assert len(rare) / len(numbers) < 0.15
    assert 0.4 < share < 0.6


@pytest.mark.slow
def test_a_resumed_run_equals_an_unbroken_one(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["epochs=2", "batch_size=8", "tasks=[classification,segmentation]", "backbone.width=8"]
    assert resumed(overrides(photos, *small), tmp_path, 1)


@pytest.mark.slow
def test_inspect_needs_no_tasks_and_proposes_some(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "5000")
    recipe = [o for o in overrides(photos) if not o.startswith(("tasks=", "heads."))]
    assert main(["inspect", *recipe]) == 0
    said = capsys.readouterr().out
    assert "40 pictures in yolo, table, masks" in said
    command = next(line for line in said.splitlines() if "mtl train data=joined" in line)
    typed = shlex.split(command)[2:]
    cfg = load(typed)
    assert {task: head.target for task, head in cfg.heads.items()} == {
        "detection": "yolo.boxes",
        "classification": "table.label",
        "segmentation": "masks.mask",
        "regression": "table.numbers",
    }
