"""``mtl inspect``: counting, finding broken files, drawing targets."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from voc_factory import SHARED_DATA, make_voc, write_annotation

from mtl.cli.inspect_ import run
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Broken, collate
from mtl.data.image_file import read_image
from mtl.data.inspection.draw import draw_targets
from mtl.data.inspection.integrity import looks_whole
from mtl.data.inspection.report import print_broken
from mtl.data.inspection.samples import augmented, separated
from mtl.data.inspection.statistics import MOST_READ, count, looked_at
from mtl.data.inspection.tally import Tally, spread
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import IGNORE_LABEL, Boxes, Sample, Target
from mtl.data.sources.base import Source
from mtl.data.sources.shapes import Shapes
from mtl.data.sources.voc_folder import VocFolder
from mtl.drawing.palette import color
from mtl.drawing.pixels import LEAST_SIDE
from mtl.errors import UserError

CLASSES = ("car", "dog", "person")
TARGETS = {
    "label": Target("label", CLASSES),
    "labels": Target("labels", CLASSES),
    "boxes": Target("boxes", CLASSES),
    "mask": Target("mask", ("background", *CLASSES)),
}


def _boxes(*rows: tuple[float, float, float, float], labels: list[int] | None = None) -> Boxes:
    labels = labels or [0] * len(rows)
    difficult = np.zeros(len(rows), np.bool_)
    return Boxes(np.array(rows, np.float32).reshape(-1, 4), np.array(labels, np.int64), difficult)


def _data(voc: Path, augmentation: Augmentation | None = None) -> MultiTaskData:
    return MultiTaskData(
        VocFolder(root=str(voc), image_size=32, classes=list(CLASSES)),
        Standard(32, (0.5,) * 3, (0.5,) * 3),
        augmentation or Augmentation(),
        batch_size=2,
        seed=0,
    )


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return make_voc(tmp_path / "voc", n_train=6)


def test_tally_of_labels() -> None:
    tally = Tally(TARGETS["label"])
    for value in (2, 2, 0, np.int64(1)):
        tally.add(value)
    assert tally.counts.tolist() == [1, 1, 2]
    assert tally.shares.tolist() == [0.25, 0.25, 0.5]


def test_tally_of_multi_hot_vectors_counts_samples_and_undecided_entries() -> None:
    tally = Tally(TARGETS["labels"])
    tally.add(np.array([1, 0, 1], np.int8))
    tally.add(np.array([1, IGNORE_LABEL, 0], np.int8))
    assert tally.counts.tolist() == [2, 0, 1]
    assert tally.ignored == 1
    assert tally.shares.tolist() == [1.0, 0.0, 0.5]


def test_tally_of_boxes() -> None:
    tally = Tally(TARGETS["boxes"])
    first = _boxes((0, 0, 9, 4), (1, 1, 3, 3), labels=[1, 2])
    first.difficult[1] = True
    tally.add(first)
    tally.add(Boxes.empty())
    tally.add(_boxes((0, 0, 16, 1), labels=[1]))
    assert tally.counts.tolist() == [0, 2, 1]
    assert tally.ignored == 1
    assert spread(tally.series["objects per image"]) == (0, 1, 2)
    assert spread(tally.series["side in pixels"]) == (2, 4, 6)
    assert spread([]) is None


def test_tally_of_masks_leaves_ignored_pixels_out_of_the_shares() -> None:
    tally = Tally(TARGETS["mask"])
    tally.add(np.array([[0, 0, 3], [1, 255, 255]], np.uint8))
    assert tally.counts.tolist() == [2, 1, 0, 1]
    assert tally.ignored == 2
    assert tally.shares.tolist() == [0.5, 0.25, 0.0, 0.25]


class _Long(Source):
    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def id(self, index: int) -> str:
        return str(index)

    def read(self, index: int, size: int | None = None) -> Sample:
        raise AssertionError("no image is needed")

    def annotations(self, index: int) -> Mapping[str, object]:
        return {"label": index % 3}


def test_of_long_splits_evenly_spread_samples_are_looked_at() -> None:
    assert looked_at(_Long(5)) == [0, 1, 2, 3, 4]
    indices = looked_at(_Long(2 * MOST_READ + 1))
    assert len(set(indices)) == MOST_READ
    assert indices[0] == 0
    assert set(np.diff(indices)) <= {2, 3}
    assert indices[-1] >= 2 * MOST_READ - 2


def test_statistics_need_no_image() -> None:
    found = count("train", _Long(7), TARGETS, range(7))
    assert found.tallies["label"].counts.tolist() == [3, 2, 2]
    assert found.tallies["boxes"].missing == [str(i) for i in range(7)]


def test_whole_files_are_not_decoded_and_cut_ones_are_found(
    voc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VocFolder(root=str(voc), image_size=32, classes=list(CLASSES)).split("train")
    assert source is not None
    cut = voc / "JPEGImages" / "train2.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    (voc / "JPEGImages" / "train3.jpg").unlink()
    (voc / "Annotations" / "train4.xml").write_text("<annotation>")
    (voc / "SegmentationClass" / "train5.png").unlink()
    read = source.read
    decoded: list[int] = []
    monkeypatch.setattr(source, "read", lambda index: decoded.append(index) or read(index))

    found = count("train", source, TARGETS, range(len(source)))

    assert decoded == [2]
    assert [Path(broken.id).stem for broken in found.broken] == ["train2", "train3", "train4"]
    assert "truncated" in found.broken[0].reason
    assert found.tallies["boxes"].samples == 3
    assert [Path(name).stem for name in found.tallies["mask"].missing] == ["train5"]


def test_padded_files_are_doubtful_but_not_broken(voc: Path) -> None:
    padded = voc / "JPEGImages" / "train0.jpg"
    padded.write_bytes(padded.read_bytes() + bytes(100))
    assert not looks_whole(padded)
    source = VocFolder(root=str(voc), image_size=32, classes=list(CLASSES)).split("train")
    assert source is not None
    assert not count("train", source, TARGETS, range(len(source))).broken


@pytest.mark.parametrize("damage", ["bit", "hole", "cut", "length"])
def test_damage_within_a_png_is_found(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.png"
    values = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(values).save(path)
    assert looks_whole(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if damage == "bit":
        data[middle] ^= 1
    elif damage == "hole":
        data[middle : middle + 100] = bytes(100)
    elif damage == "cut":
        del data[middle:-12]
    else:
        data[33:37] = b"\xff" * 4
    path.write_bytes(data)
    assert not looks_whole(path)


def test_what_ends_like_a_jpeg_begins_like_one(voc: Path) -> None:
    path = voc / "JPEGImages" / "train0.jpg"
    assert looks_whole(path)
    path.write_bytes(b"<html>" + path.read_bytes()[6:])
    assert not looks_whole(path)


def test_two_samples_of_one_broken_file_are_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    Image.new("L", (8, 8), 1).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"")
    (tmp_path / "t.csv").write_text("file,mask\na.png,bad.png\nb.png,bad.png\nc.png,good.png\n")
    columns = "data.columns={file: image, mask: mask}"
    command = ["data=csv", f"data.root={tmp_path}", columns, "data.classes={mask: [x]}"]
    out = f"out={tmp_path / 'x.png'}"
    assert run([*command, "data.val_fraction=0", "image_size=32", "samples=2", out]) == 0
    assert "Warning: 2 broken samples" in capsys.readouterr().out


def test_a_batch_taken_apart_gives_its_samples_back() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    first = Sample(image[0], "a", {"label": 2, "boxes": _boxes((0, 1, 5, 6), (2, 2, 3, 3))})
    mask = rng.integers(0, 4, (8, 8)).astype(np.uint8)
    second = Sample(image[1], "b", {"boxes": Boxes.empty(), "mask": mask})
    one, two = separated(collate([first, second], TARGETS), TARGETS)
    assert (one.id, two.id) == ("a", "b")
    np.testing.assert_array_equal(one.image, image[0])
    assert set(one.targets) == {"label", "boxes"}
    assert one.targets["label"] == 2
    assert isinstance(one.targets["boxes"], Boxes)
    np.testing.assert_array_equal(one.targets["boxes"].xyxy, [(0, 1, 5, 6), (2, 2, 3, 3)])
    assert set(two.targets) == {"boxes", "mask"}
    assert len(two.targets["boxes"]) == 0  # type: ignore[arg-type]
    np.testing.assert_array_equal(two.targets["mask"], mask)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["batch", "sample"])
def test_samples_are_drawn_as_the_chosen_engine_makes_them(engine: str) -> None:
    shapes = Shapes(image_size=32, train=6, val=1, test=1)
    spec = Augmentation(engine=engine, hflip=1.0)  # type: ignore[arg-type]
    data = MultiTaskData(shapes, Standard(32, (0.5,) * 3, (0.5,) * 3), spec, 4, seed=3)
    drawn = augmented(data, "train", 4).samples
    source = shapes.split("train")
    assert len({sample.id for sample in drawn}) == 4
    for sample in drawn:
        row = source.ids.index(sample.id)
        np.testing.assert_array_equal(sample.image, source.images[row][:, ::-1])
        mask = source.targets["mask"][row]
        np.testing.assert_array_equal(sample.targets["mask"], mask[:, ::-1])  # type: ignore[arg-type, index]


def test_brightness_keeps_pixels_in_range() -> None:
    shapes = Shapes(image_size=32, train=2, val=1, test=1)
    spec = Augmentation(engine="batch", brightness=1.0)
    data = MultiTaskData(shapes, Standard(32, (0.5,) * 3, (0.5,) * 3), spec, 4, seed=3)
    assert all(s.image.dtype == np.uint8 for s in augmented(data, "train", 9).samples)


def test_broken_samples_make_room_for_others(voc: Path) -> None:
    for number in range(4):
        (voc / "JPEGImages" / f"train{number}.jpg").write_bytes(b"")
    drawn = augmented(_data(voc), "train", 2)
    assert {Path(sample.id).stem for sample in drawn.samples} == {"train4", "train5"}
    assert {Path(broken.id).stem for broken in drawn.broken} <= {f"train{n}" for n in range(4)}


def test_masks_tint_and_boxes_frame_the_enlarged_picture() -> None:
    image = np.full((64, 64, 3), 100, np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[40:, 40:] = 2
    boxes = _boxes((8, 32, 24, 60), (30, 32, 38, 60), labels=[1, 2])
    boxes.difficult[1] = True
    sample = Sample(image, "", {"boxes": boxes, "mask": mask})
    canvas = draw_targets(sample, TARGETS, factor=3)
    assert canvas.shape == (192, 192, 3)
    assert (image == 100).all()
    assert canvas[180, 100].tolist() == [100] * 3
    tint = [round(0.55 * 100 + 0.45 * part) for part in color(1)]
    assert canvas[120, 120].tolist() == canvas[190, 190].tolist() == tint
    assert canvas[150, 24].tolist() == list(color(1))
    assert canvas[150, 90].tolist() == [128] * 3


def test_labels_in_words() -> None:
    one, several = TARGETS["label"], TARGETS["labels"]
    assert one.kind.caption(1, one) == "dog"
    for vector, text in (
        ([1, 0, 1], "car, person"),
        ([0, -1, 1], "person, dog?"),
        ([0, 0, 0], "none"),
    ):
        assert several.kind.caption(np.array(vector, np.int8), several) == text


def test_long_lists_of_broken_samples_are_cut() -> None:
    console = Console(width=80, file=io.StringIO())
    print_broken(console, [("train", Broken(str(n), f"[{n}] is empty")) for n in range(60)])
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "60 broken samples" in text
    assert "train: [49] is empty" in text
    assert "[50]" not in text
    assert "and 10 more" in text


def test_the_command_lists_what_is_wrong_and_ends_well(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (voc / "JPEGImages" / "val0.jpg").write_bytes(b"")
    (voc / "SegmentationClass" / "train1.png").unlink()
    write_annotation(voc, "train2", [("horse", (1, 1, 9, 9))])
    out = tmp_path / "deep" / "grid.png"
    command = [
        "data=voc_folder",
        f"data.root={voc}",
        "data.classes=[car,dog,person]",
        "image_size=64",
        f"out={out}",
        "samples=4",
    ]
    assert run(command) == 0
    text = capsys.readouterr().out
    assert "Warning: 2 broken samples" in text
    assert "val0.jpg: is empty" in text
    assert "train2.xml" in text
    assert "horse" in text
    assert "1 of 5 train samples lacks mask:" in text
    assert "train1.jpg" in text
    assert "boxes: objects by class" in text
    assert f"4 train samples drawn: {out}" in text
    side = 2 * LEAST_SIDE + 3 * 4
    assert read_image(out)[1] == (side, side)
    assert not list(out.parent.glob("*.part"))


def test_without_a_readable_sample_there_is_no_picture(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for image in (voc / "JPEGImages").glob("train*"):
        image.write_bytes(b"no image")
    out = tmp_path / "grid.png"
    command = ["data=voc_folder", f"data.root={voc}", "image_size=64", f"out={out}"]
    assert run(command) == 0
    text = capsys.readouterr().out
    assert "6 broken samples" in text
    assert "No train sample can be read" in text
    assert not out.exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("split=tst", "split=tst: choose one of train, val, test"),
        ("samples=0", "samples=0: give a whole number, 1 or more"),
        ("samples=many", "samples=many: give a whole number, 1 or more"),
        ("out=grid.gif", "out=grid.gif: give the name of a .png file"),
        ("dta=shapes", "dta"),
    ],
)
def test_wrong_arguments(argument: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run([argument])


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED_DATA / "bccd").is_dir(), reason="shared data bccd is absent")
def test_real_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bccd.png"
    command = ["data=voc_folder", f"data.root={SHARED_DATA / 'bccd'}", f"out={out}", "samples=2"]
    assert run(command) == 0
    text = capsys.readouterr().out
    assert "2382 (84.9 %)" in text
    assert "Warning" not in text
    assert out.is_file()
