"""Test images on which runs disagree: found again, with what is true and what was decided."""

from pathlib import Path

import numpy as np
import pytest
from page_kit import PREPROCESS, keep_samples, write_full_sweep
from PIL import Image

from mtl.config.trust import Trust
from mtl.data.sources.shapes import Shapes
from mtl.errors import UserError
from mtl.model.samples.ids import packed
from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.page.data import page_data
from mtl.runs.page.gather.images import RunImages
from mtl.runs.page.gather.said import RowSaid
from mtl.runs.page.gather.thumbnails import thumbnail
from mtl.runs.page.sections.disagreements import disagreements, short_names
from mtl.runs.samples import KeptSamples

SHAPES = {"_target_": "mtl.data.sources.shapes.Shapes", "test": 3, "workers": "auto"}


def images(data: dict[str, object], **nodes: object) -> RunImages:
    values = {"data": data, "preprocess": PREPROCESS, "image_size": 32, **nodes}
    return RunImages(values, Trust())


def test_generated_images_are_drawn_again():
    expected = Shapes(image_size=32, test=3).split("test").read(2).image
    assert np.array_equal(images(SHAPES).read("test/2"), expected)
    with pytest.raises(UserError, match="test/3 is not in the test split"):
        images(SHAPES).read("test/3")


def test_files_are_read_where_the_data_lies_and_nowhere_else(tmp_path: Path):
    for folder in ("data", "elsewhere"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 20), "red").save(tmp_path / folder / "a.png")
    data = {"_target_": "mtl.data.sources.voc_folder.VocFolder", "root": str(tmp_path / "data")}
    assert images(data).read(str(tmp_path / "data/a.png")).shape == (20, 40, 3)
    with pytest.raises(UserError):
        images(data).read(str(tmp_path / "elsewhere/a.png"))


def test_classes_of_strangers_are_not_made():
    with pytest.raises(UserError, match=r"data\._target_=evil\.Set: is not of this package"):
        images({"_target_": "evil.Set"}).read("a")


def test_boxes_lie_where_they_lay_in_the_letterboxed_picture():
    found = images(SHAPES, preprocess={**PREPROCESS, "fit": "letterbox"})
    # A picture of 40 x 20 lies in the middle half of the square.
    placed = found.placed(np.array([[0.5, 0.25, 1.0, 0.5]]), np.zeros((20, 40, 3), np.uint8))
    assert placed.tolist() == [[0.5, 0.0, 1.0, 0.5]]


def kept(predicted: int) -> KeptSamples:
    arrays = {
        "t/kind": np.array("classes"),
        "t/metric": np.array("accuracy"),
        "t/ids": packed(["a"]),
        "t/classes": packed(["circle", "square"]),
        "t/predicted": np.array([predicted]),
        "t/truth": np.array([1]),
        "t/of_truth": np.array([0.5]),
    }
    return KeptSamples.of(arrays)


def test_seeds_that_differ_are_counted():
    assert RowSaid([kept(0)] * 2, "t", "a").words == "circle"
    said = RowSaid([kept(0), kept(1), kept(0)], "t", "a")
    assert (said.words, said.truth) == ("circle 2/3, square 1/3", "square")
    assert RowSaid([kept(7)], "t", "a").words == "class 7"


def test_what_detectors_and_labels_say_is_named_and_counted():
    arrays = {
        "d/kind": np.array("detections"),
        "d/metric": np.array("map"),
        "d/ids": packed(["a", "b"]),
        "d/classes": packed(["cat", "dog"]),
        "d/label": np.array([0, 1, 1, 1]),
        "d/score": np.array([0.9, 0.9, 0.8, 0.3]),
        "d/matched": np.array([1, 1, 0, 0]),
        "d/found": np.array([1, 3]),
        "d/objects": np.array([[0, 0], [1, 1]]),
        "d/said_boxes": np.arange(16).reshape(4, 4) / 16,
        "d/true_boxes": np.array([[0, 0, 0.25, 0.25], [0.5, 0.5, 1, 1]]),
        "l/kind": np.array("scores"),
        "l/metric": np.array("map"),
        "l/ids": packed(["b"]),
        "l/scores": np.array([[0.7, 0.1, 0.5]]),
        "l/truth": np.array([[1, -1, 0]]),
        "m/kind": np.array("overlaps"),
        "m/metric": np.array("miou"),
        "m/ids": packed(["b"]),
        "m/hits": np.array([[90, 4, 0]]),
        "m/predicted": np.array([[95, 4, 1]]),
        "m/truth": np.array([[92, 8, 0]]),
    }
    found = KeptSamples.of(arrays)
    detected = RowSaid([found], "d", "b")
    assert (detected.words, detected.truth) == ("dog x2", "cat, dog")
    said, true = detected.first
    assert said.boxes.tolist() == [[0.25, 0.3125, 0.375, 0.4375], [0.5, 0.5625, 0.625, 0.6875]]
    assert true.boxes.tolist() == [[0, 0, 0.25, 0.25], [0.5, 0.5, 1, 1]]
    assert RowSaid([found], "d", "a").truth == "nothing"
    assert RowSaid([found], "l", "b").words == "class 0, class 2"
    assert RowSaid([found], "l", "b").truth == "class 0"
    # Neither the background nor what covers a hundredth alone.
    assert (RowSaid([found], "m", "b").words, RowSaid([found], "m", "b").truth) == (
        "class 1",
        "class 1",
    )


def test_boxes_of_another_shape_are_no_samples():
    arrays = {
        "b/kind": np.array("values"),
        "b/metric": np.array("iou"),
        "b/ids": packed(["a"]),
        "b/value": np.array([0.5]),
        "b/said_box": np.zeros((1, 3)),
        "b/true_box": np.zeros((1, 4)),
    }
    with pytest.raises(ValueError, match=r"said_box is \(1, 3\)"):
        KeptSamples.of(arrays)


def test_page_shows_the_image_with_every_decision(tmp_path: Path):
    keep_samples(write_full_sweep(tmp_path, seeds=2), test=3)
    reading, panels = disagreements(page_data(compare(find_runs([tmp_path])))).parts
    assert "the dashed box is true" in reading.lines[0]
    assert len(reading.lines) == 1
    (_, classes), (_, boxes) = panels.panels
    assert [case.name for case in classes.cases] == ["test/1"]
    (case,) = classes.cases
    assert case.truth == "square"
    assert [(cell.words, cell.quality) for cell in case.cells] == [
        ("square", 0.8),
        ("square", 0.8),
        ("star", 0.2),
    ]
    assert case.picture.address.startswith("data:image/webp;base64,")
    drawn = boxes.cases[0].picture.boxes
    assert [(box.place, box.x, box.width) for box in drawn] == [
        (0, 0, 0.5),
        (1, 0, 0.5),
        (2, 0.25, 0.5),
        (None, 0, 0.5),
    ]


def test_without_the_data_there_are_words_and_a_line_why(tmp_path: Path):
    sweep = write_full_sweep(tmp_path, seeds=1)
    keep_samples(sweep, _target_="mtl.data.sources.voc_folder.VocFolder", root="gone", train=None)
    reading, panels = disagreements(page_data(compare(find_runs([tmp_path])))).parts
    assert "Without pictures where they can't be read again: " in reading.lines[1]
    (case,) = panels.panels[0][1].cases
    assert (case.picture, case.cells[2].words) == (None, "star")


def test_data_that_differ_have_no_common_pictures(tmp_path: Path):
    keep_samples(write_full_sweep(tmp_path, seeds=1))
    file = next(iter(sorted(tmp_path.glob("weighting-cagrad*/config.yaml"))))
    file.write_text(file.read_text().replace("train: 100", "train: 100\n  seed: 1"))
    reading, _ = disagreements(page_data(compare(find_runs([tmp_path])))).parts
    assert "the runs' data differ" in reading.lines[1]


def test_thumbnails_are_small():
    noise = np.random.default_rng(0).integers(0, 255, (300, 600, 3)).astype(np.uint8)
    found = thumbnail(noise, most_bytes=6000)
    assert (found.width, found.height) == (160, 80)
    assert len(found.address) < 6000 * 4 / 3 + 100
    small = thumbnail(noise[:20, :30], most_bytes=6000)
    assert (small.width, small.height) == (30, 20)


def test_files_lose_the_folder_that_all_of_them_lie_in():
    assert short_names(["/data/a/1.jpg", "/data/b/1.jpg"]) == ["a/1.jpg", "b/1.jpg"]
    assert short_names(["test/1", "test/2"]) == ["test/1", "test/2"]
