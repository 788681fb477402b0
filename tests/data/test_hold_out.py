"""Splits by a hash of the names."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image
from voc_factory import make_voc

from mtl.cli.main import main
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.cifar import Cifar10
from mtl.data.sources.hold_out import check_enough, held_out_notes, hold_out, position
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.voc import Voc
from mtl.data.sources.voc_folder import VocFolder
from mtl.errors import UserError

NAMES = [f"shelf {i % 7}/photo-{i:04}" for i in range(2000)]


def unlisted(root: Path, count: int, first: int = 0) -> Path:
    """A VOC folder of images with a dog each and no list."""
    for part in ("JPEGImages", "Annotations"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        Image.new("RGB", (8, 8)).save(root / "JPEGImages" / f"{number}.png")
        (root / "Annotations" / f"{number}.xml").write_text(
            "<annotation><object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
            "<xmax>4</xmax><ymax>4</ymax></bndbox></object></annotation>"
        )
    return root


def voc(root: Path, **options: object) -> VocFolder:
    data = VocFolder(root=str(root), image_size=8, **options)  # type: ignore[arg-type]
    data.prepare()
    return data


def members(data: DataSet) -> dict[str, set[str]]:
    return {
        split: {Path(source.id(i)).stem for i in range(len(source))}
        for split in SPLITS
        if (source := data.split(split)) is not None
    }


def test_a_place_is_the_first_48_bits_of_a_hash_of_seed_and_name() -> None:
    digest = hashlib.sha256("3/Zoë/1".encode()).hexdigest()
    assert position("Zoë/1", 3) == int(digest[:12], 16) / 2**48
    # macOS writes the accent as a letter of its own; bytes that are no UTF-8 stay as they are.
    assert position("Zoe\u0308/1", 3) == position("Zoë/1", 3)
    raw = hashlib.sha256(b"0/\xff").hexdigest()
    assert position("\udcff", 0) == int(raw[:12], 16) / 2**48


def test_fractions_are_met_in_expectation_whatever_the_seed() -> None:
    for seed in (0, 1):
        splits, settled = hold_out(NAMES, {"val": 0.2, "test": 0.1}, seed)
        # Three standard deviations of a binomial choice of 2000.
        assert abs(splits.count("val") - 400) < 54
        assert abs(splits.count("test") - 200) < 41
        assert settled
    first, second = (hold_out(NAMES, {"val": 0.2}, seed)[0] for seed in (0, 1))
    assert first != second


def rows(fractions: dict[Split, float], split: Split) -> set[int]:
    splits, _ = hold_out(NAMES, fractions, 0)
    return {row for row, there in enumerate(splits) if there == split}


def test_adding_names_moves_none_and_neither_fraction_touches_the_other_split() -> None:
    few, settled = hold_out(NAMES[::3], {"val": 0.2, "test": 0.1}, 0)
    many, _ = hold_out(NAMES, {"val": 0.2, "test": 0.1}, 0)
    assert settled
    assert few == many[::3]
    val = rows({"val": 0.2, "test": 0.1}, "val")
    assert rows({"val": 0.2}, "val") == val
    assert rows({"val": 0.3, "test": 0.1}, "val") > val
    assert rows({"val": 0.3, "test": 0.1}, "test") == rows({"test": 0.1}, "test")


@pytest.mark.parametrize(
    ("number", "fractions", "counts"),
    [
        (1, {"val": 0.9}, "1 0 0"),
        (2, {"val": 0.01}, "1 1 0"),
        (2, {"val": 0.9}, "1 1 0"),
        (2, {"val": 0.2, "test": 0.5}, "1 1 0"),
        (3, {"val": 0.9, "test": 0.05}, "1 1 1"),
        (3, {"val": 0.05, "test": 0.9}, "1 1 1"),
        (3, {"val": 0.2}, "2 1 0"),
        (5, {"val": 0.2}, "4 1 0"),
        (9, {"val": 0.2, "test": 0.1}, "6 2 1"),
        (9, {}, "9 0 0"),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_few_samples_are_divided_by_number(
    number: int, fractions: dict[Split, float], counts: str, seed: int
) -> None:
    splits, settled = hold_out(NAMES[:number], fractions, seed)
    assert [splits.count(split) for split in SPLITS] == [int(count) for count in counts.split()]
    assert settled == (not fractions)
    assert len(held_out_notes(splits, fractions, None if settled else "")) == (
        len(fractions) + (not settled)
    )


def test_no_split_stays_empty_where_the_hash_would_leave_it() -> None:
    for seed in range(20):
        splits, _ = hold_out(NAMES[:12], {"val": 0.001, "test": 0.998}, seed)
        assert {splits.count("val"), splits.count("train")} == {1}
        assert splits.index("val") == max(range(12), key=lambda row: position(NAMES[row], seed))


def test_fewer_samples_than_splits_are_refused() -> None:
    message = r"data\.val_fraction and data\.test_fraction would split 2 images; set them to 0"
    with pytest.raises(UserError, match=message):
        check_enough(2, ("val", "test"))
    check_enough(2, ("val",))


def test_an_unlisted_voc_folder_is_split_and_grows_in_place(tmp_path: Path) -> None:
    before = members(voc(unlisted(tmp_path, 20), val_fraction=0.3, test_fraction=0.2))
    assert set(before) == set(SPLITS)
    data = voc(unlisted(tmp_path, 20, 20), val_fraction=0.3, test_fraction=0.2)
    after = members(data)
    assert sum(map(len, after.values())) == 40
    assert all(before[split] < after[split] for split in SPLITS)
    assert data.notes() == [
        "no list of training images: the images in no list are split",
        f"val is {len(after['val'])} of 40 images, by a hash of their names "
        "(data.val_fraction=0.3)",
        f"test is {len(after['test'])} of 40 images, by a hash of their names "
        "(data.test_fraction=0.2)",
    ]


def test_an_unlisted_voc_folder_says_which_key_splits_it(tmp_path: Path) -> None:
    unlisted(tmp_path, 3)
    message = (
        r"Main/train\.txt does not exist; it must list the training images, or "
        r"data\.val_fraction=0\.2 splits the 3 images .* names; mtl split writes the lists"
    )
    with pytest.raises(UserError, match=message):
        voc(tmp_path)


def test_the_images_of_lists_that_are_there_keep_their_place(tmp_path: Path) -> None:
    lists = unlisted(tmp_path, 20) / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "test.txt").write_text("1\n2\n")
    found = members(voc(tmp_path, val_fraction=0.3, test_fraction=0.2))
    assert found["test"] == {"1", "2"}
    assert len(found["train"]) + len(found["val"]) == 18
    (lists / "val.txt").write_text("3\n")
    assert members(voc(tmp_path, val_fraction=0.3))["val"] == {"3"}


def test_test_fraction_leaves_an_own_val_list_alone(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=12, n_val=2, n_test=0, size=(16, 16), masks=False)
    found = members(voc(root, val_fraction=0.2, test_fraction=0.2))
    assert found["val"] == {"val0", "val1"}
    assert 0 < len(found["test"]) < 12
    assert found["test"] | found["train"] == {f"train{i}" for i in range(12)}


def test_official_voc_needs_its_lists(tmp_path: Path) -> None:
    (unlisted(tmp_path / "VOC2007", 4) / "ImageSets").mkdir()
    with pytest.raises(UserError, match=r"train\.txt does not exist; it must list the training im"):
        Voc(root=str(tmp_path), year=2007, image_size=8, val_fraction=0.2).prepare()


def test_class_folders_grow_in_place(tmp_path: Path) -> None:
    def grown(count: int) -> dict[str, set[str]]:
        for name in ("cat", "dog"):
            (tmp_path / name).mkdir(exist_ok=True)
            for number in range(count):
                Image.new("RGB", (8, 8)).save(tmp_path / name / f"{name}{number}.png")
        data = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0.3, test_fraction=0.2)
        data.prepare()
        return members(data)

    before, after = grown(10), grown(30)
    assert all(before[split] < after[split] for split in SPLITS)
    assert sum(map(len, after.values())) == 60


@pytest.mark.slow
def test_split_writes_the_lists_that_training_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = unlisted(tmp_path / "my photos", 20)
    expected = members(voc(root, val_fraction=0.2, test_fraction=0.1))
    arguments = ["split", "data=voc_folder", f"data.root={root}"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    lists = root / "ImageSets" / "Main"
    for split in SPLITS:
        assert set((lists / f"{split}.txt").read_text().split()) == expected[split]
        assert f"{len(expected[split])} images: {lists / split}.txt" in out
    assert f"mtl train data=voc_folder 'data.root={root}'" in out
    assert members(voc(root)) == expected
    assert main([*arguments, "data.split_seed=1"]) == 2
    assert "train.txt exists; overwrite=true splits all images anew" in capsys.readouterr().err
    assert members(voc(root)) == expected


def test_fractions_of_nothing_put_all_images_into_train(tmp_path: Path) -> None:
    root = unlisted(tmp_path, 12)
    lists = root / "ImageSets" / "Main"
    arguments = ["split", "data=voc_folder", f"data.root={root}", "overwrite=true"]
    assert main([*arguments, "data.val_fraction=0", "data.test_fraction=0"]) == 0
    assert [path.name for path in lists.iterdir()] == ["train.txt"]
    assert len((lists / "train.txt").read_text().split()) == 12
    assert main([*arguments, "data.test_fraction=0.3"]) == 0
    assert sorted(path.name for path in lists.iterdir()) == ["test.txt", "train.txt"]


def test_overwriting_splits_all_images_anew(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=8, n_val=4, n_test=4, size=(16, 16), masks=False)
    voc(root, val_fraction=0.4, test_fraction=0.2).write_lists(overwrite=True)
    names = sorted(p.stem for p in (root / "JPEGImages").iterdir())
    splits, _ = hold_out(names, {"val": 0.4, "test": 0.2}, 0)
    assert {split: len(names) for split, names in members(voc(root)).items()} == {
        split: splits.count(split) for split in SPLITS
    }
    with pytest.raises(UserError, match=r"test\.txt would list images beside the new lists; move"):
        voc(root, val_fraction=0.4).write_lists(overwrite=True)


def test_lists_are_written_beside_those_that_are_there(tmp_path: Path) -> None:
    lists = unlisted(tmp_path, 12) / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "test.txt").write_text("1\n2\n")
    written = voc(tmp_path, val_fraction=0.3).write_lists(overwrite=False)
    assert sorted(path.name for path in written) == ["train.txt", "val.txt"]
    assert (lists / "test.txt").read_text() == "1\n2\n"
    assert sum(written.values()) == 10


@pytest.mark.parametrize("name", ["\udcff", "two\nlines", " led by a space"])
def test_names_that_no_list_can_hold_are_refused_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    root = unlisted(tmp_path, 4)
    Image.new("RGB", (8, 8)).save(root / "JPEGImages" / "0.png")
    (root / "JPEGImages" / "0.png").rename(root / "JPEGImages" / f"{name}.png")
    with pytest.raises(UserError, match=r"the name can't be written in a list; rename the image"):
        voc(root, val_fraction=0.3).write_lists(overwrite=False)
    assert not (root / "ImageSets").exists()


def test_sets_without_lists_say_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"image_folder reads folders and no lists; data\.val_fra"):
        ImageFolder(root=str(tmp_path), image_size=8).write_lists(overwrite=False)
    with pytest.raises(UserError, match="mtl split: writes the lists that data=voc_folder reads"):
        Cifar10(root=str(tmp_path), image_size=32).write_lists(overwrite=False)
