"""The formats of folders that nobody named."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mtl.cli.first_task import with_first_task
from mtl.cli.guessed_format import with_format
from mtl.config.groups import members
from mtl.config.load import load
from mtl.data.data_set import build_data_set
from mtl.data.sources.formats import FORMATS, LAST, formats_of
from mtl.errors import UserError

TREES = {
    "voc_folder": ["JPEGImages/a.jpg", "Annotations/a.xml"],
    "coco": ["annotations/instances_train2017.json", "train2017/a.jpg"],
    "yolo": ["data.yaml", "images/train/a.jpg", "labels/train/a.txt"],
    "csv": ["photos/a.jpg", "table.tsv"],
    "folders": ["train/images/a.jpg", "train/masks/a.png"],
    "image_folder": ["train/cat/a.jpg", "train/dog/b.jpg", "val/cat/c.jpg"],
}


def tree(root: Path, files: list[str]) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_every_format_is_a_data_set_and_has_an_example() -> None:
    assert set(TREES) == {*FORMATS, LAST} <= set(members("data"))


@pytest.mark.parametrize("name", TREES)
def test_a_folder_is_recognised(name: str, tmp_path: Path) -> None:
    assert formats_of(tree(tmp_path, TREES[name])) == [name]


def test_nothing_else_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"looks like none of voc_folder, coco, .*; data=NAME says"):
        formats_of(tree(tmp_path, ["notes/a.txt", "b.jpg"]))
    with pytest.raises(UserError, match=r"gone does not exist"):
        formats_of(tmp_path / "gone")


def test_a_root_alone_gets_its_format_and_others_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, [*TREES["csv"], "masks/a.png"])
    (tmp_path / "classes.txt").write_text("cell\n")
    root = f"data.root={tmp_path}"
    assert with_format([root, "epochs=3"]) == ["data=csv", root, "epochs=3"]
    said = capsys.readouterr()
    assert f"{tmp_path} looks like data=csv\n" in said.out + said.err
    again = f"too: mtl inspect data=folders {root} epochs=3\n"
    assert again in said.out + said.err
    for whole in (["data=coco", root], ["experiment=bccd", root], ["epochs=3"]):
        assert with_format(whole) == whole


def test_commands_that_are_told_work_and_else_what_they_lack_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    names = [f"Prüfling {number}" for number in range(6)]
    tree(tmp_path, ["classes.txt", *(f"{f}/{n}.{e}" for n in names for f, e in YOLO)])
    (tmp_path / "classes.txt").write_text("cell\n")
    rows = (f"{name};{'viel' if at % 2 else 'wenig'};{at / 7}\n" for at, name in enumerate(names))
    text = "Datei;platelets;stain\n" + "".join(rows)
    (tmp_path / "Tabelle.csv").write_text(text, encoding="utf-8-sig")
    root = f"data.root={tmp_path}"
    assert with_format([root])[0] == "data=yolo"
    said = "".join(capsys.readouterr())
    assert f"it looks like data=csv, too: mtl inspect data=csv {root}\n" in said
    with_format([root, "data.on_error=skip"])
    said = "".join(capsys.readouterr())
    joined = "data=joined data@data.sets.yolo=yolo data.sets.yolo.root={0} data@data.sets.csv=csv"
    joined = f"{joined} data.sets.csv.root={{0}} data.on_error=skip".format(tmp_path)
    assert f"labels of the same pictures come together by: mtl inspect {joined}\n" in said
    build_data_set(load(with_first_task(shlex.split(joined), None))).look()
    data = build_data_set(load(["data=csv", root]))
    data.prepare()
    assert "data.columns={Datei: image, platelets: label, stain: numbers}" in data.notes()[0]
    (tmp_path / "Tabelle.csv").write_text("Nummer;platelets\n1;viel\n2;viel\n3;wenig\n4;viel\n")
    with_format([root])
    said = "".join(capsys.readouterr())
    assert f"too: but {tmp_path / 'Tabelle.csv'}: no column is the image; data.columns=" in said


YOLO = (("images", "jpg"), ("labels", "txt"))


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("bccd", ["voc_folder"]),
        ("pennfudan", ["voc_folder", "folders"]),
        ("coco128", ["coco", "yolo", "folders"]),
        ("clothing", ["csv", "folders"]),
        ("fashion_mnist", ["image_folder"]),
        ("coco_json_6", ["coco"]),
    ],
)
def test_real_folders(name: str, formats: list[str], shared_data: Callable[[str], Path]) -> None:
    assert formats_of(shared_data(name)) == formats


def test_a_folder_of_voc_folders_is_no_folder_of_classes(tmp_path: Path) -> None:
    """One message: it was first said to look like data=image_folder, and then refused as that."""
    for year in ("2007", "2012"):
        tree(tmp_path / year, TREES["voc_folder"])
    said = rf"^{tmp_path}/2007 is in VOC layout .*: write data=voc_folder data.root={tmp_path}/2007"
    with pytest.raises(UserError, match=said):
        with_format([f"data.root={tmp_path}"])


def test_images_beside_labels_that_nothing_reads_are_no_classes(tmp_path: Path) -> None:
    tree(tmp_path, ["images/a.jpg", "labels/a.doc"])
    with pytest.raises(UserError, match="looks like none of"):
        formats_of(tmp_path)


def test_a_json_file_of_no_split_is_coco_by_its_keys(tmp_path: Path) -> None:
    tree(tmp_path, ["a.jpg"])
    middle = " " * 200_000
    (tmp_path / "labels.json").write_text(f'{{"images": [{middle}], "categories": []}}')
    assert formats_of(tmp_path) == ["coco"]
    (tmp_path / "labels.json").write_text('{"images": []}')
    with pytest.raises(UserError, match="looks like none of"):
        formats_of(tmp_path)
