"""The files that a table's cells name, with an ending or without, row by row."""

import os
import pickle
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.csv_table import CsvTable
from mtl.data.sources.file_place import FilePlace, FolderNames
from mtl.errors import BadFile


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        Image.fromarray(np.full((2, 4, 3), 9, np.uint8)).save(file, "png")


def opened(root: Path, cells: list[str], made: dict[str, str] | None = None) -> CsvTable:
    lines = [f"{cell};{index % 2}\n" for index, cell in enumerate(cells)]
    (root / "table.csv").write_text("Datei;class\n" + "".join(lines), encoding="utf-8-sig")
    data = CsvTable(
        root=str(root),
        image_size=4,
        columns=made or {"Datei": "image", "class": "label"},
        val_fraction=0.0,
    )
    data.prepare()
    return data


def found(data: CsvTable) -> list[str]:
    source = data.split("train")
    assert source is not None
    ids = [Path(source.id(index)) for index in range(len(source))]
    assert [Path(source.read(index).id) for index in range(len(source))] == ids
    return [path.name for path in ids]


def test_each_row_finds_its_own_ending(tmp_path: Path) -> None:
    names = [f"Probe {n}.{'JPG' if n % 3 == 0 else 'jpg'}" for n in range(30)]
    for name in names:
        picture(tmp_path / "images" / name)
    data = opened(tmp_path, [name[:-4] for name in names])
    assert found(data) == names
    said = f"files of Datei: in {tmp_path / 'images'}; endings that cells lack: .jpg, .JPG"
    assert said in data.decided()


def test_only_endings_in_capitals(tmp_path: Path) -> None:
    picture(tmp_path / "images/Probe 0.JPG")
    assert found(opened(tmp_path, ["Probe 0"])) == ["Probe 0.JPG"]
    assert found(opened(tmp_path, ["Probe 0.jpg"])) == ["Probe 0.JPG"]


def test_rows_with_an_ending_beside_rows_without(tmp_path: Path) -> None:
    names = ["probe-00000.png", "probe-00001.png", "probe-00002.JPG", "v1.5.png", "x.tif"]
    for name in names:
        picture(tmp_path / "images" / name)
    cells = ["probe-00000.png", "probe-00001", "probe-00002.jpg", "v1.5", "x.TIF"]
    assert found(opened(tmp_path, cells)) == names


def test_case_and_accents_of_names(tmp_path: Path) -> None:
    written = unicodedata.normalize("NFD", "Prüfling 1.JPG")
    for name in (written, "b.png"):
        picture(tmp_path / "images" / name)
    assert found(opened(tmp_path, ["prüfling 1", "B.PNG"])) == [written, "b.png"]


def test_the_one_that_is_written_so_is_meant(tmp_path: Path) -> None:
    for name in ("a.png", "A.png"):
        picture(tmp_path / "images" / name)
    if (tmp_path / "images/a.PNG").exists():
        pytest.skip("this file system knows no case")
    place = FilePlace(tmp_path / "images", PICTURE_SUFFIXES)
    assert [place.file(name).name for name in ("a", "A", "A.PNG")] == ["a.png", "A.png", "A.png"]
    picture(tmp_path / "images/bc.png")
    picture(tmp_path / "images/BC.png")
    fresh = FilePlace(tmp_path / "images", PICTURE_SUFFIXES)
    assert fresh.found("Bc") is None


def test_masks_in_files_of_several_endings(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    picture(tmp_path / "images/b.png")
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.zeros((2, 4), np.uint8)).save(tmp_path / "masks/a.PNG", "png")
    np.save(tmp_path / "masks/b.npy", np.ones((2, 4), np.uint8))
    (tmp_path / "table.csv").write_text("file,mask\na,a\nb,b\n")
    columns = {"file": "image", "mask": "mask"}
    data = CsvTable(
        root=str(tmp_path),
        image_size=4,
        columns=columns,
        val_fraction=0.0,
        classes={"mask": ["thing"]},
    )
    source = data.split("train")
    assert source is not None
    assert [path.name for path in source.files(0)] == ["a.png", "a.PNG"]
    masks = [np.asarray(source.annotations(index)["mask"]) for index in range(2)]
    assert [int(mask.sum()) for mask in masks] == [0, 8]


def test_of_one_that_is_missing_the_nearest_is_named(tmp_path: Path) -> None:
    for name in ("probe-00001.png", "probe-00002.png", "other.png"):
        picture(tmp_path / "images" / name)
    data = opened(tmp_path, ["probe-00001", "probe-0002", "zzz"])
    source = data.split("train")
    assert source is not None
    near = r"probe-0002\.png: does not exist; the nearest there is probe-0000[12]\.png$"
    with pytest.raises(BadFile, match=near):
        source.read(1)
    with pytest.raises(BadFile, match=r"zzz\.png: does not exist$"):
        source.read(2)


def test_a_folder_is_listed_once_and_only_if_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.JPG"):
        picture(tmp_path / name)
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    place = FilePlace(tmp_path, PICTURE_SUFFIXES, [".png"])
    assert [place.file(name).name for name in ("a", "b.png")] == ["a.png", "b.png"]
    assert listed == []
    assert [place.file(n).name for n in ("c", "c.jpg", "d")] == ["c.JPG", "c.JPG", "d.png"]
    assert listed == [tmp_path]
    again = pickle.loads(pickle.dumps(place))
    assert again.file("c").name == "c.JPG"
    assert listed == [tmp_path]


def test_names_lie_in_little_memory() -> None:
    names = FolderNames(f"{number:08d}.JPG" for number in range(2000))
    assert (len(names), names[7], names[0]) == (2000, "00000007.JPG", "00000000.JPG")
    assert list(names.like("00001234.jpg")) == ["00001234.JPG"]
    assert list(names.like("00001234.png")) == []
    assert [names.begin_with(name) for name in ("0000123", "00001234.jp", "2", "0000123x")] == [
        True,
        True,
        False,
        False,
    ]
    assert names.nearest("00001234x.jpg") == "00001234.JPG"
    assert len(pickle.dumps(names)) < 25 * len(names)


def test_the_column_of_pictures_is_known_by_its_cells(tmp_path: Path) -> None:
    for number in range(8):
        picture(tmp_path / f"images/{number}.JPG")
    header = "Serie;Befund;Datei;id\n"
    rows = "".join(f"{n // 2};{'ab'[n % 2]};{n};x{n}\n" for n in range(8))
    (tmp_path / "table.csv").write_text(header + rows)
    data = CsvTable(root=str(tmp_path), image_size=4)
    data.prepare()
    assert "Datei: image" in data.decided()[1]
    source = data.split("train")
    assert source is not None
    assert Path(source.id(0)).suffix == ".JPG"
