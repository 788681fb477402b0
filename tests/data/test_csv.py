"""``data=csv``: what tables say, however they are written, and what is said of broken ones."""

import csv
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtl.config.columns import column_targets, targets_of
from mtl.data.sources import kept_arrays
from mtl.data.sources.base import Source
from mtl.data.sources.csv_table import CsvTable
from mtl.data.sources.table_file import read_table
from mtl.errors import BadFile, UserError

COLUMNS = {
    "file": "image",
    "kind": "label",
    "tags": "labels",
    "height": "numbers",
    "age": "numbers",
}
TABLE = """file,kind,tags,height,age
a.png,cat,big;red,1.5,3
b.png,dog,,,7
sub/c.png,,;,2.5,nan
"""


def image(path: Path, size: tuple[int, int] = (4, 2), value: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), value, np.uint8)).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.png"):
        image(tmp_path / "photos" / name)
    return tmp_path


def table(root: Path, text: str = TABLE, name: str = "table.csv", **options: Any) -> CsvTable:
    (root / name).write_text(text)
    return opened(root, **options)


def opened(root: Path, **options: Any) -> CsvTable:
    options = {"val_fraction": 0.0, "index_dir": str(root / "index"), **options}
    made = CsvTable(root=str(root), image_size=4, **options)
    made.prepare()
    return made


def rows(data: CsvTable, split: Any = "train") -> list[Mapping[str, Any]]:
    source = data.split(split)
    assert isinstance(source, Source)
    found = []
    for index in range(len(source)):
        sample = source.read(index).understood(data.targets)
        assert sample.targets.keys() == source.annotations(index).keys()
        found.append({n: np.asarray(v).tolist() for n, v in sample.targets.items()})
    return found


def ids(data: CsvTable, split: Any) -> list[str]:
    source = data.split(split)
    return [] if source is None else [Path(source.id(i)).name for i in range(len(source))]


def check(found: list[Mapping[str, Any]]) -> None:
    assert [set(row) for row in found] == [
        {"label", "labels", "numbers"},
        {"label", "numbers"},
        {"labels", "numbers"},
    ]
    assert [row.get("label") for row in found] == [0, 1, None]
    assert [row.get("labels") for row in found] == [[1, 1], None, [0, 0]]
    np.testing.assert_array_equal(
        np.array([row["numbers"] for row in found]), [[1.5, 3], [np.nan, 7], [2.5, np.nan]]
    )


def test_a_row_says_what_its_cells_say_and_a_blank_one_nothing(root: Path) -> None:
    data = table(root, columns=COLUMNS, units={"height": "m"})
    check(rows(data))
    assert data.targets["label"].classes == ("cat", "dog")
    assert data.targets["labels"].classes == ("big", "red")
    assert data.targets["numbers"].titles == ("height (m)", "age")
    assert f"files of file: in {root / 'photos'}" in data.decided()
    source = data.split("train")
    assert source is not None
    assert source.files(2) == [root / "photos/sub/c.png"]
    assert source.strata() == [0, 1, -1]


@pytest.mark.parametrize(
    ("name", "content", "separator"),
    [
        ("t.csv", TABLE.encode("utf-8-sig"), ";"),
        ("t.csv", TABLE.encode("utf-16"), ";"),
        ("t.csv", TABLE.replace("\n", "\r\n").encode(), ";"),
        ("t.csv.gz", gzip.compress(TABLE.encode()), ";"),
        ("t.tsv", TABLE.replace(",", "\t").encode(), ";"),
        ("t.csv", f"{TABLE},,,,\n\n , ,,,\n,,,,".encode(), ";"),
        ("t.csv", TABLE.replace(";", "|").replace(",", ";").replace("1.5", "1,5").encode(), "|"),
    ],
    ids=["bom", "utf-16", "crlf", "gz", "tsv", "blank-rows", "semicolons"],
)
def test_tables_are_read_however_they_are_written(
    root: Path, name: str, content: bytes, separator: str
) -> None:
    (root / name).write_bytes(content)
    check(rows(opened(root, columns=COLUMNS, separator=separator)))


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,200", "950", "7"], "has '1,200', which may mean 1200 or 1.200: write that"),
        (["1,200", "950.5", "7"], "has '1,200', which may mean 1200 or 1.200: write that"),
        (["1.200", "950,5", "7"], "has '1.200', which may mean 1200 or 1.200: write that"),
        (["-12,125", "1.125", ""], "has '-12,125', which may mean -12125 or -12.125: write that"),
        (["1,200", "0,125", "7"], [1.2, 0.125, 7]),
        (["1,200", "9,5", "2.5"], [1.2, 9.5, 2.5]),
        (["1.200", "950.125", "7"], [1.2, 950.125, 7]),
        (["0.125", "9,5", "1.250"], [0.125, 9.5, 1.25]),
    ],
)
def test_thousands_are_not_taken_for_decimals(
    root: Path, cells: list[str], values: str | list[float]
) -> None:
    names = ("a.png", "b.png", "sub/c.png")
    lines = (f"{name};{cell}\n" for name, cell in zip(names, cells, strict=True))
    text = "file;height\n" + "".join(lines)
    columns = {"file": "image", "height": "numbers"}
    if isinstance(values, str):
        with pytest.raises(BadFile, match=rf"table\.csv: height {values}$"):
            table(root, text, columns=columns)
    else:
        found = [row["numbers"][0] for row in rows(table(root, text, columns=columns))]
        np.testing.assert_allclose(found, values)


def test_names_behind_another_separator_are_told(root: Path) -> None:
    text = TABLE.replace("big;red", "big|red").replace(",;,", ",,")
    data = table(root, text, columns=COLUMNS)
    assert data.notes()[0] == "tags: no cell has data.separator=';', so that 'big|red' is one name"
    assert opened(root, columns=COLUMNS, separator="|").notes() == []
    assert table(root, columns=COLUMNS).notes() == []


def test_folders_of_splits_with_files_of_the_same_names(root: Path) -> None:
    (root / "photos").rename(root / "train")
    for name in ("a.png", "b.png"):
        image(root / "test" / name)
    for name in ("table.csv", "train.csv"):
        (root / name).write_text(TABLE)
    columns = {"file": "image", "kind": "label"}
    data = opened(root, table="train.csv", columns=columns)
    assert f"files of file: in {root / 'train'}" in data.decided()
    with pytest.raises(UserError, match=r"are in .*test and in .*train; write the folder before"):
        opened(root, table="table.csv", columns=columns)
    (root / "table.csv").write_text("file,kind\ntrain/a.png,cat\ntest/a.png,dog\n")
    assert len(ids(opened(root, table="table.csv", columns=columns), "train")) == 2


def test_accents_in_either_form_are_one_class(root: Path) -> None:
    text = "file,kind,tags\na.png,\u00e9,\u00fc\nb.png,e\u0301,u\u0308;x\nsub/c.png,z,x\n"
    columns = {"file": "image", "kind": "label", "tags": "labels"}
    data = table(root, text, columns=columns)
    assert data.targets["label"].classes == ("z", "\u00e9")
    assert [row["label"] for row in rows(data)] == [1, 1, 0]
    assert [row["labels"] for row in rows(data)] == [[0, 1], [1, 1], [1, 0]]
    given = opened(root, columns=columns, classes={"label": ["e\u0301", "z"]})
    assert [row["label"] for row in rows(given)] == [0, 0, 1]


def test_one_number_is_one_class(root: Path) -> None:
    text = "file,kind\na.png,1\nb.png,2.0\nsub/c.png,1.0\n"
    with pytest.raises(BadFile, match=r"kind has '1' and '1\.0', one number: write it alike"):
        table(root, text, columns={"file": "image", "kind": "label"})


@pytest.mark.parametrize("again", ["./b.png", "sub/../b.png", ".\\b.png", ".//b.png"])
def test_an_image_has_one_row_however_it_is_written(root: Path, again: str) -> None:
    text = f"file,kind\na.png,cat\nb.png,dog\n{again},cat\n"
    with pytest.raises(BadFile, match=r"line 3 of .* and line 4 of .* are both of b\.png"):
        table(root, text, columns={"file": "image", "kind": "label"})


def test_columns_are_guessed_and_it_is_said(root: Path) -> None:
    image(root / "masks/a.png")
    text = (
        "id,path,mask_file,split,patient,species,tags,height,note\n"
        "1,a.png,a.png,train,p1,cat,big;red,1.5,one\n"
        "2,b.png,,train,p1,dog,red,2,two\n"
        "3,sub/c.png,,valid,p2,cat,red,3,three\n"
    )
    data = table(root, text, classes={"mask": ["thing"]})
    wanted = (
        "path: image, mask_file: mask, split: split, patient: group, species: label, tags: labels"
    )
    assert data.decided()[1].endswith(f"data.columns={{{wanted}, height: numbers}}")
    assert data.notes()[1] == "columns not used: id, note"
    assert set(data.targets) == {"mask", "label", "labels", "numbers"}
    assert (len(rows_of := ids(data, "train")), ids(data, "val")) == (2, ["c.png"]), rows_of


def test_maps_lie_in_files_that_columns_name(root: Path) -> None:
    for folder, array in {
        "masks": np.array([[0, 1, 1, 255]] * 2, np.uint8),
        "depths": np.array([[0, 1000, 2000, 500]] * 2, np.uint16),
    }.items():
        (root / folder).mkdir()
        Image.fromarray(array).save(root / folder / "a.png")
    text = "name,mask,far\na,a.png,a\nb,,\n"
    columns = {"name": "image", "mask": "mask", "far": "depth"}
    (root / "classes.txt").write_text("background\nthing\n")
    data = table(root, text, columns=columns)
    one, other = rows(data)
    assert one["mask"][0] == [0, 1, 1, 255]
    np.testing.assert_array_equal(one["depth"][0], np.float32([np.nan, 1, 2, 0.5]))
    assert other == {}
    assert data.targets["mask"].classes == ("background", "thing")
    source = data.split("train")
    assert source is not None
    assert [path.parent.name for path in source.files(0)] == ["photos", "masks", "depths"]


def test_two_columns_of_a_kind_are_two_targets_called_like_them() -> None:
    columns = {
        "a": "label",
        "b": "label",
        "c": "numbers",
        "d": "numbers",
        "e": "mask",
        "f": "image",
    }
    assert column_targets(columns) == {
        "a": {"a": "label"},
        "b": {"b": "label"},
        "numbers": {"c": "numbers", "d": "numbers"},
        "mask": {"e": "mask"},
    }
    node = {"targets": {"label": "label", "depth": "depth"}, "columns": columns}
    assert targets_of(node) == node["targets"]
    named = {"depth": "depth", "a": "label", "b": "label", "numbers": "numbers", "mask": "mask"}
    assert targets_of({**node, "table": None}) == named
    with pytest.raises(UserError, match=r"data\.columns\.a=lable: .*did you mean 'label'"):
        column_targets({"a": "lable"})


def many(count: int, column: str = "kind") -> str:
    return f"file,{column}\n" + "".join(f"i{n}.png,k{n % 5}\n" for n in range(count))


def test_no_group_is_in_two_splits_and_strata_are_in_each(root: Path) -> None:
    image(root / "i0.png")
    columns = {"file": "image", "kind": "group", "n": "numbers"}
    text = many(40).replace("\n", ",1\n").replace("kind,1", "kind,n")
    data = table(root, text, columns=columns, val_fraction=0.3, test_fraction=0.3)
    groups = [{int(name[1:-4]) % 5 for name in ids(data, s)} for s in ("train", "val", "test")]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 5
    assert all(groups)
    assert "none of the 5 groups is in two splits" in data.notes()
    labels = {"file": "image", "kind": "label"}
    data = table(root, many(40), columns=labels, val_fraction=0.25, stratify="kind")
    assert sorted(int(name[1:-4]) % 5 for name in ids(data, "val")) == sorted([0, 1, 2, 3, 4] * 2)
    with pytest.raises(UserError, match=r"stratify goes by rows, and groups are held out whole"):
        table(root, text, columns={**columns, "n": "label"}, stratify="n")


def test_names_of_columns_over_several_lines(root: Path) -> None:
    columns = {"file": "image", "height (m) each": "numbers"}
    text = 'file,"height\r\n(m)\n each"\na.png,1.5\n'
    assert [row["numbers"] for row in rows(table(root, text, columns=columns))] == [[1.5]]
    with pytest.raises(UserError, match=r"no column 'high'. There are: file, height \(m\) each$"):
        table(root, text, columns={"file": "image", "high": "numbers"})


def test_names_that_no_file_can_have(root: Path) -> None:
    columns = {"file": "image", "kind": "label"}
    text = f"file,kind\n{'a' * 300},cat\nb\0.png,cat\na.png,dog\n"
    data = table(root, text, columns=columns)
    for index, reason in enumerate((r"can't be read \(File name too long\)", "can't be read")):
        with pytest.raises(BadFile, match=reason):
            source_of(data).read(index)


def source_of(data: CsvTable) -> Source:
    source = data.split("train")
    assert isinstance(source, Source)
    return source


def test_adding_rows_moves_none(root: Path) -> None:
    image(root / "i0.png")
    columns = {"file": "image", "kind": "label"}
    made = [table(root, many(n), columns=columns, val_fraction=0.3) for n in (30, 60)]
    few, more = ({split: set(ids(d, split)) for split in ("train", "val")} for d in made)
    assert few["train"] <= more["train"]
    assert few["val"] <= more["val"]


def test_a_file_for_each_split(root: Path) -> None:
    (root / "train.csv").write_text("file,kind\na.png,x\n")
    (root / "my_test.csv").write_text("kind,file\ny,b.png\n")
    columns = {"file": "image", "kind": "label"}
    for given in (None, {"train": "train.csv", "test": "my_test.csv"}):
        data = opened(root, table=given, columns=columns)
        assert [ids(data, s) for s in ("train", "val", "test")] == [["a.png"], [], ["b.png"]]
        assert [rows(data, s) for s in ("train", "test")] == [[{"label": 0}], [{"label": 1}]]


def test_a_large_table_is_read_once_and_again_when_it_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_arrays, "WORTH", 0)
    first = rows(table(root, columns=COLUMNS))
    with monkeypatch.context() as patch:
        patch.setattr("mtl.data.sources.csv_table.read_index", None)
        np.testing.assert_equal(rows(opened(root, columns=COLUMNS)), first)
    changed = table(root, TABLE.replace("1.5", "11.5"), columns=COLUMNS)
    assert rows(changed)[0]["numbers"] == [11.5, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv: is empty"),
        ("file,kind,kind\n", r"two columns are called 'kind'"),
        ("file,kind,tags,height,age\n", "table.csv: has no rows"),
        (TABLE + "d.png,cat\n", r"line 5 has 2 cells, and the first line names 5 columns"),
        (TABLE + "a.png,cat,,1,1\n", r"line 2 of .* and line 5 of table.csv are both of a.png"),
        (TABLE.replace("1.5", "tall"), r"line 2: height is 'tall', no number"),
        (TABLE.replace("1.5", "1e99"), r"line 2: height is '1e99', too large"),
        (TABLE.replace("b.png", ""), r"line 3: file is empty, and names the image"),
        (TABLE.replace("b.png", "NaN"), r"line 3: file is NaN, and names the image"),
        (TABLE.replace("tags", "tag"), r"data\.columns: .*no column 'tags'; did you mean 'tag'"),
        (TABLE.replace("dog", "cow"), r"line 3: kind names no class 'cow'"),
        (TABLE.replace(".png", ".jpg"), r"the column file names, such as a\.jpg, are neither in"),
    ],
)
def test_broken_tables_are_told_by_line_and_column(root: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(root, text, columns=COLUMNS, classes={"label": ["cat", "dog"]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "other.csv"}, r"data\.table=other\.csv: there is no such file"),
        ({"table": {"training": "table.csv"}}, r"training is no split; there are train, val, test"),
        ({"columns": {"kind": "label"}}, r"no column is the image; data\.columns=\{NAME: image"),
        ({"columns": {"file": "image"}}, r"no column can be learnt"),
        ({"columns": COLUMNS, "units": {"hight": "m"}}, r"data\.units: no number 'hight'; did you"),
        ({"columns": COLUMNS, "classes": {"kind": ["a"]}}, r"data\.classes: no target 'kind'"),
        (
            {"columns": COLUMNS, "stratify": "age"},
            r"stratify=age: is no column of kind label",
        ),
        ({"columns": {"file": "image", "kind": "split"}}, r"no column can be learnt"),
    ],
)
def test_wrong_options_are_told(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(root, **options)


def test_an_image_that_is_missing_is_a_broken_sample(root: Path) -> None:
    data = table(root, TABLE.replace("b.png", "gone.png"), columns=COLUMNS)
    source = data.split("train")
    assert source is not None
    with pytest.raises(BadFile, match=r"gone\.png: does not exist"):
        source.read(1)


def test_several_tables_or_none_are_told(root: Path) -> None:
    with pytest.raises(UserError, match=r"has no table \(\.csv, \.tsv"):
        opened(root)
    (root / "one.csv").touch()
    (root / "two.tsv").touch()
    with pytest.raises(UserError, match=r"several tables \(one\.csv, two\.tsv\); data\.table=FILE"):
        opened(root)


def test_parquet_says_what_csv_says(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    columns = {
        "file": ["a.png", "b.png", "c.png"],
        "number": pandas.array([3, None, 5], dtype="Int64"),
        "height": [1.5, float("nan"), 2.0],
        "sharp": [True, False, None],
        "tags": [["x", "y"], [], None],
    }
    pandas.DataFrame(columns).to_parquet(tmp_path / "t.parquet")
    names, rows = read_table(tmp_path / "t.parquet", ";")
    assert names == list(columns)
    assert [cells for _, cells in rows] == [
        ["a.png", "3", "1.5", "True", "x;y"],
        ["b.png", "", "", "False", ";"],
        ["c.png", "5", "2.0", "", ""],
    ]
    (tmp_path / "u.parquet").write_bytes(b"no")
    with pytest.raises(BadFile, match="can't be read as parquet"):
        read_table(tmp_path / "u.parquet", ";")


def test_parquet_needs_pandas(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    (root / "t.parquet").touch()
    with pytest.raises(UserError, match=r"pip install pandas pyarrow, or save the table as \.csv"):
        opened(root)


def test_the_tags_of_clothing(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("clothing")
    with (root / "tags.csv").open() as file:
        tags = {row["image"]: row["tags"].split(";") for row in csv.DictReader(file)}
    data = CsvTable(root=str(root), image_size=64, val_fraction=0.0)
    data.prepare()
    source = data.split("train")
    assert source is not None
    assert len(source) == len(tags) == 40
    names = data.targets["labels"].classes
    assert names == tuple(sorted({tag for own in tags.values() for tag in own}))
    for index in range(40):
        value = np.asarray(source.annotations(index)["labels"])
        own = tags[Path(source.id(index)).relative_to(root).as_posix()]
        assert {names[place] for place in np.flatnonzero(value)} == set(own)
