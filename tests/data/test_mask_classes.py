"""Who names the classes of masks, where the file of names may be that of YOLO's boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtl.data.sources.base import DataSet
from mtl.data.sources.csv_table import CsvTable
from mtl.data.sources.folders import Folders
from mtl.errors import UserError


def table(root: Path, classes: list[str] | None = None, **options: Any) -> DataSet:
    (root / "t.csv").write_text("file,seg\na.png,a.png\nb.png,b.png\n")
    columns = {"file": "image", "seg": "mask"}
    given = None if classes is None else {"mask": classes}
    return CsvTable(root=str(root), image_size=4, columns=columns, classes=given, **options)


def folders(root: Path, classes: list[str] | None = None, **options: Any) -> DataSet:
    where = {"image": "images", "mask": "masks"}
    return Folders(root=str(root), image_size=4, folders=where, classes=classes, **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("images", "masks", "labels"):
        (tmp_path / folder).mkdir()
    for name, value in {"a": 1, "b": 0}.items():
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"{name}.png")
        mask = np.full((4, 4), value, np.uint8)
        mask[0] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
        (tmp_path / "labels" / f"{name}.txt").touch()
    (tmp_path / "classes.txt").write_text("RBC\nWBC\nplatelets\n")
    return tmp_path


@pytest.mark.parametrize(
    ("make", "remedy"), [(table, "{mask: [...]}"), (folders, "[...]")], ids=["csv", "folders"]
)
def test_classes_of_boxes_are_not_those_of_masks(root: Path, make: Any, remedy: str) -> None:
    with pytest.raises(UserError) as told:
        make(root).prepare()
    assert str(told.value) == (
        f"{root / 'classes.txt'} lists 3 classes, those of YOLO's boxes, and the masks have values "
        f"up to 1; data.classes={remedy} names the classes of the masks"
    )
    given = make(root, ["nucleus"])
    given.prepare()
    assert given.targets["mask"].classes == ("background", "nucleus")
    assert "classes of mask: as data.classes names them" in given.decided()
    palette = make(root, palette={"nucleus": 1}, others="ignored")
    assert palette.targets["mask"].classes == ("background", "nucleus")
    assert "classes of mask: as data.palette names them" in palette.decided()


@pytest.mark.parametrize(
    ("make", "remedy"), [(table, "{mask: [...]}"), (folders, "[...]")], ids=["csv", "folders"]
)
def test_it_is_said_which_file_names_them(root: Path, make: Any, remedy: str) -> None:
    said = f"classes of mask: as {root / 'classes.txt'} names them; data.classes={remedy} otherwise"
    # As many names as values: it may be the masks', too.
    (root / "classes.txt").write_text("nucleus\n")
    assert said in make(root).decided()
    # Without YOLO's labels it is nobody else's.
    (root / "classes.txt").write_text("RBC\nWBC\n")
    for file in (root / "labels").iterdir():
        file.unlink()
    (root / "labels").rmdir()
    assert said in make(root).decided()
    assert make(root).targets["mask"].classes == ("background", "RBC", "WBC")
