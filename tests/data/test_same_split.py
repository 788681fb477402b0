"""The same pictures in several layouts: whichever set reads a file, it is in the same split."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PIL import Image

from mtl.config.upgrade import upgraded
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.coco import CocoSet
from mtl.data.sources.csv_table import CsvTable
from mtl.data.sources.folders import Folders
from mtl.data.sources.hold_out import hold_out
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.picture_names import picture_names
from mtl.data.sources.voc_folder import VocFolder
from mtl.data.sources.yolo import YoloSet

Maker = Callable[..., DataSet]
HELD = {"val_fraction": 0.3, "test_fraction": 0.2, "image_size": 8}
NAMES = [f"{shelf}/photo.{number}" for shelf in ("cats", "dogs") for number in range(40)]


def pictures(folder: Path, names: Iterable[str] = NAMES) -> list[Path]:
    paths = [folder / f"{name}.png" for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return paths


def yolo(root: Path, paths: list[Path], **options: object) -> DataSet:
    (root / "data.yaml").write_text(
        f"names: [cat]\ntrain: {paths[0].parents[1].relative_to(root)}\n"
    )
    for path in paths:
        label = Path(str(path.with_suffix(".txt")).replace("/images/", "/labels/"))
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("0 0.5 0.5 0.5 0.5\n")
    return YoloSet(root=str(root), **HELD, **options)  # type: ignore[arg-type]


def table(root: Path, cells: Iterable[str], **options: object) -> DataSet:
    (root / "table.csv").write_text("file,kind\n" + "".join(f"{c},a\n" for c in cells))
    columns = {"file": "image", "kind": "label"}
    return CsvTable(root=str(root), columns=columns, **HELD, **options)  # type: ignore[arg-type]


def csv(root: Path, paths: list[Path], **options: object) -> DataSet:
    return table(root, (str(path.relative_to(root)) for path in paths), **options)


def csv_of_names(root: Path, paths: list[Path], **options: object) -> DataSet:
    below = paths[0].parents[1]
    names = (str(path.relative_to(below).with_suffix("")) for path in paths)
    return table(root, names, **options)


def csv_of_some_endings(root: Path, paths: list[Path], **options: object) -> DataSet:
    below = [path.relative_to(paths[0].parents[1]) for path in paths]
    names = (str(path if at % 3 else path.with_suffix("")) for at, path in enumerate(below))
    return table(root, names, **options)


def csv_further_in(root: Path, paths: list[Path], **options: object) -> DataSet:
    """The table and the root are the folder of the pictures."""
    below = paths[0].parents[1]
    return table(below, (f"./{path.relative_to(below)}" for path in paths), **options)


def csv_beside(root: Path, paths: list[Path], **options: object) -> DataSet:
    """The root is a folder of tables beside the pictures."""
    (root / "tables").mkdir(exist_ok=True)
    return table(root / "tables", (f"../{p.relative_to(root)}" for p in paths), **options)


def coco(root: Path, paths: list[Path], **options: object) -> DataSet:
    below = paths[0].parents[1]
    images = [
        {"id": n, "file_name": str(path.relative_to(below)), "width": 8, "height": 8}
        for n, path in enumerate(paths)
    ]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 4, 4]} for n in range(3)]
    text = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    (root / "labels.json").write_text(json.dumps(text))
    return CocoSet(
        root=str(root),
        annotations={"train": "labels.json"},
        images={"train": str(below.relative_to(root))},
        index_dir=str(root / "index"),
        **HELD,  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


def folders(root: Path, paths: list[Path], **options: object) -> DataSet:
    below = paths[0].parents[1]
    for path in paths:
        mask = root / "masks" / path.relative_to(below)
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 1).save(mask)
    where = {"image": str(below.relative_to(root)), "mask": "masks"}
    return Folders(root=str(root), folders=where, classes=["cat"], **HELD, **options)  # type: ignore[arg-type]


def image_folder(root: Path, paths: list[Path], **options: object) -> DataSet:
    return ImageFolder(root=str(paths[0].parents[1]), **HELD, **options)  # type: ignore[arg-type]


def voc_folder(root: Path, paths: list[Path]) -> DataSet:
    (root / "Annotations").mkdir(exist_ok=True)
    return VocFolder(root=str(root), classes=["cat"], **HELD)  # type: ignore[arg-type]


def split_of(data: DataSet) -> dict[Path, Split]:
    data.prepare()
    return {
        Path(source.id(row)).resolve(): split
        for split in SPLITS
        if (source := data.split(split)) is not None
        for row in range(len(source))
    }


TABLES: list[Maker] = [csv, csv_of_names, csv_of_some_endings, csv_further_in, csv_beside]
SETS: list[Maker] = [yolo, *TABLES, coco, folders]


@pytest.mark.parametrize("below", ["images", "JPEGImages", "pictures"])
def test_a_file_is_in_the_same_split_whichever_set_reads_it(tmp_path: Path, below: str) -> None:
    paths = pictures(tmp_path / below)
    expected = dict(zip(paths, hold_out(NAMES, {"val": 0.3, "test": 0.2}, 0)[0], strict=True))
    assert set(expected.values()) == set(SPLITS)
    own: list[Maker] = [voc_folder] if below == "JPEGImages" else []
    for make in [*own, image_folder, *SETS]:
        assert split_of(make(tmp_path, paths)) == expected, make.__name__


def test_folders_of_another_name_count_for_all_sets_alike(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "scans")
    below = [f"scans/{name}" for name in NAMES]
    expected = dict(zip(paths, hold_out(below, {"val": 0.3, "test": 0.2}, 0)[0], strict=True))
    for make in (yolo, csv, csv_of_names, csv_beside, coco, folders):
        assert split_of(make(tmp_path, paths)) == expected, make.__name__


def test_some_of_the_pictures_are_where_all_are(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "images")
    every = split_of(yolo(tmp_path, paths))
    some = split_of(csv(tmp_path, paths[::3]))
    assert some == {path: every[path] for path in paths[::3]}


def test_the_name_of_a_picture_is_its_path_without_ending_and_folder_of_pictures() -> None:
    root = Path("data/set")
    names = {
        "data/set/images/a.b.jpg": "a.b",
        "data/set/Photos/shelf/a.png": "shelf/a",
        "data/set/shelf/images/a.png": "shelf/images/a",
        "data/set/images/images/a.png": "images/a",
        "data/set/images.png": "images",
        "data/set/./images//a.png": "a",
        "data/set/../images/a.png": "a",
        "data/set/../other/a.png": "other/a",
        str(Path("data/set/images/a.png").resolve()): "a",
    }
    assert picture_names(names, root) == list(names.values())
    assert picture_names(["images/a.png", "a.png"], Path()) == ["a", "a"]


def test_a_million_names_take_seconds() -> None:
    files = [f"data/set/images/shelf/{number}.jpg" for number in range(100_000)]
    begun = time.process_time()
    picture_names(files, Path("data/set"))
    assert time.process_time() - begun < 1


BEFORE: dict[Maker, str] = {
    yolo: "images/{}",
    csv: "images/{}",
    csv_of_names: "{}",
    coco: "{}",
    folders: "{}",
}
"""What was hashed before sets agreed."""


@pytest.mark.parametrize("make", BEFORE)
def test_older_runs_keep_their_splits(tmp_path: Path, make: Maker) -> None:
    paths = pictures(tmp_path / "images")
    names = NAMES
    if make is csv_of_names:  # what stood behind a dot was taken for an ending
        names = [name.replace(".", "-") for name in NAMES]
        paths = pictures(tmp_path / "images", names)
    was = [BEFORE[make].format(name) for name in names]
    expected = dict(zip(paths, hold_out(was, {"val": 0.3, "test": 0.2}, 0)[0], strict=True))
    data = make(tmp_path, paths, split_by="name")
    assert split_of(data) == expected
    target = f"{type(data).__module__}.{type(data).__name__}"
    new, changes = upgraded({"data": {"_target_": target}})
    assert new["data"] == {"_target_": target, "split_by": "name"}
    assert changes == ["data.split_by=name is what held before there was a choice"]
