"""The formats of ``mtl predict``, by numbers worked out by hand."""

import csv
from pathlib import Path

import pytest
from faster_coco_eval import COCO
from PIL import Image
from prediction_kit import ShadeDecider, entries, plain, read_json, start

from mtl.cli.predict import run
from mtl.errors import UserError
from mtl.runs.prediction.outputs.names import Names
from mtl.runs.prediction.outputs.registry import check_formats
from mtl.runs.prediction.outputs.tables import rows_of


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Black, a fifth, and white."""
    names = {"0007.png": 0, "12.png": 51, "003.png": 255}
    return [plain(tmp_path / "photos" / name, grey) for name, grey in names.items()]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_line_per_picture_and_nothing_else(photos: list[Path], tmp_path: Path) -> None:
    decider = ShadeDecider("shade")
    outcome = start(photos, tmp_path / "out", "jsonl", decider=decider)
    assert outcome.there == ["predictions.jsonl"]
    assert decider.batches == [2, 1]
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"predictions.jsonl", "settings.json"}
    second = entries(tmp_path / "out")[1]
    assert second.pop("modified") == photos[1].stat().st_mtime
    assert second == {
        "file": str(photos[1]),
        "name": "12",
        "width": 10,
        "height": 20,
        "shade": {"probabilities": {"dark": 0.8, "light": 0.2}},
    }


def test_one_file_with_all_of_it(photos: list[Path], tmp_path: Path) -> None:
    start([*photos, tmp_path / "gone.png"], tmp_path / "out", "json")
    content = read_json(tmp_path / "out" / "predictions.json")
    assert list(content) == ["run", "tasks", "calibration", "images", "videos", "skipped"]
    assert content["tasks"]["halves"] == {"kind": "boxes", "classes": ["spot", "half"]}
    assert content["images"] == entries(tmp_path / "out")[:3]
    assert content["skipped"] == [{"file": str(tmp_path / "gone.png"), "reason": "does not exist"}]


def test_a_table_for_each_task(photos: list[Path], tmp_path: Path) -> None:
    outcome = start(photos, tmp_path / "out", "csv")
    assert outcome.there == ["shade.csv", "halves.csv"]
    shades = read_csv(tmp_path / "out" / "shade.csv")
    assert list(shades[0]) == ["file", "probabilities.dark", "probabilities.light"]
    assert [row["probabilities.light"] for row in shades] == ["0.0", "0.2", "1.0"]
    # A row for each object, so none for the black picture.
    halves = read_csv(tmp_path / "out" / "halves.csv")
    assert [row["file"] for row in halves] == [str(path) for path in photos[1:]]
    assert list(halves[0].values())[1:] == ["0", "0", "5.0", "20", "1", "half", "0.2"]
    assert list(halves[0])[1:] == ["x", "y", "width", "height", "category_id", "category", "score"]


def test_records_of_all_shapes_become_rows() -> None:
    assert rows_of({"count": 3.5}) == [{"count": 3.5}]
    assert rows_of({"box": [1, 2, 3, 4]}) == [{"x": 1, "y": 2, "width": 3, "height": 4}]
    assert rows_of({"labels": ["a", "b"], "mask": "a.png"}) == [{"labels": "a; b", "mask": "a.png"}]
    assert rows_of({"embedding": [0.5, 1.5]}) == [{"embedding_0": 0.5, "embedding_1": 1.5}]
    assert rows_of({"n": 2, "found": [{"s": 1}, {"s": 2}]}) == [{"n": 2, "s": 1}, {"n": 2, "s": 2}]
    assert rows_of({"found": []}) == []


def test_coco_results_with_the_files_own_numbers(photos: list[Path], tmp_path: Path) -> None:
    start(photos, tmp_path / "out", "coco")
    results = read_json(tmp_path / "out" / "halves_coco.json")
    assert results == [
        {"image_id": 12, "category_id": 1, "bbox": [0, 0, 5, 20], "score": 0.2},
        {"image_id": 3, "category_id": 1, "bbox": [0, 0, 5, 20], "score": 1.0},
    ]
    images = read_json(tmp_path / "out" / "halves_coco_images.json")
    assert images["categories"] == [{"id": 0, "name": "spot"}, {"id": 1, "name": "half"}]
    assert images["images"][0] == {
        "id": 7, "file_name": str(photos[0]), "width": 10, "height": 20
    }  # fmt: skip
    # As COCO's own tools read them.
    loaded = COCO(str(tmp_path / "out" / "halves_coco_images.json")).loadRes(results)
    assert [found["area"] for found in loaded.loadAnns(loaded.getAnnIds(imgIds=[12]))] == [100]


def test_coco_counts_images_that_have_no_numbers(photos: list[Path], tmp_path: Path) -> None:
    twice = plain(tmp_path / "elsewhere" / "12.png", 255)
    start([*photos, twice], tmp_path / "out", "coco")
    results = read_json(tmp_path / "out" / "halves_coco.json")
    assert [result["image_id"] for result in results] == [2, 3, 4]
    start([photos[0]], tmp_path / "nothing", "coco")
    assert read_json(tmp_path / "nothing" / "halves_coco.json") == []


def test_coco_needs_a_task_that_finds_objects(photos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none of the tasks \(shade\) finds objects"):
        start(photos, tmp_path / "out", "coco", decider=ShadeDecider("shade"))
    assert not (tmp_path / "out").exists()


def test_two_files_of_one_name_keep_their_pictures(tmp_path: Path) -> None:
    paths = [plain(tmp_path / folder / "a.png", grey) for folder, grey in (("x", 9), ("y", 200))]
    start([*paths, paths[0]], tmp_path / "out", "pictures", decider=ShadeDecider("shade"))
    found = entries(tmp_path / "out")
    assert [(e["name"], e["picture"]) for e in found] == [("a", "a.png"), ("a_2", "a_2.png")]
    for entry, grey in zip(found, (9, 200), strict=True):
        with Image.open(tmp_path / "out" / entry["picture"]) as picture:
            assert picture.getpixel((0, 0)) == (255, 0, 0)
            assert picture.getpixel((1, 1)) == (grey, grey, grey)


def test_names_never_meet() -> None:
    names = Names(["segmentation"])
    given = ["a.jpg", "x/A.png", "a_segmentation.png", "a.png", "b.png"]
    stems = [names.stem(Path(name)) for name in given]
    assert stems == ["a", "A_2", "a_segmentation_2", "a_3", "b"]
    assert Names(["segmentation"], stems).stem(Path("b.jpg")) == "b_2"


def test_formats_are_told_apart_before_anything_is_read() -> None:
    check_formats(["json", "coco"])
    message = "formats: no format 'cvs'; did you mean csv.* There are: json, jsonl, csv, coco, pic"
    with pytest.raises(UserError, match=message):
        run(["run=nowhere", "input=nowhere.png", "formats=[json,cvs]"])
    with pytest.raises(UserError, match="choose some of json"):
        run(["run=nowhere", "input=nowhere.png", "formats=[]"])
