"""``mtl inspect`` answers "is this what I meant?"."""

import io
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from voc_factory import make_voc, write_mask

from mtl.cli.first_task import with_first_task
from mtl.cli.inspect_ import run
from mtl.cli.suggested import tasks_for, train_command
from mtl.config.load import load
from mtl.data.batch import Broken
from mtl.data.inspection.report import print_broken, print_report
from mtl.data.inspection.statistics import SplitStatistics
from mtl.data.inspection.tally import Tally
from mtl.data.inspection.written import write_counts
from mtl.data.sample import Target
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.voc_folder import VocFolder


def printed(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def voc(root: Path, **options: object) -> VocFolder:
    data = VocFolder(root=str(root), image_size=16, **options)  # type: ignore[arg-type]
    data.prepare()
    return data


def test_a_voc_folder_says_where_splits_classes_and_targets_come_from(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_val=1, n_test=0, size=(16, 16))
    main, segmentation = root / "ImageSets" / "Main", root / "ImageSets" / "Segmentation"
    (segmentation / "val.txt").unlink()
    found = voc(root).decided()
    classes = len(voc(root).classes)
    assert found == [
        f"train: {main / 'train.txt'} and {segmentation / 'train.txt'}",
        f"val: {main / 'val.txt'}",
        f"classes: the {classes} names in the annotations, sorted; data.classes=[...] sets them",
        "targets: label, labels and boxes from the folder Annotations",
        "targets: mask from the folder SegmentationClass",
    ]
    shutil.rmtree(root / "SegmentationClass")
    given = voc(root, classes=["car", "dog", "person"], val_fraction=0.5).decided()
    assert given[1:] == [
        f"test: {main / 'val.txt'}",
        "classes: 3, as given",
        "targets: label, labels and boxes from the folder Annotations",
        "no target mask: there is no folder SegmentationClass",
    ]


def test_a_voc_folder_names_what_it_did_not_read_and_why(tmp_path: Path) -> None:
    root = make_voc(tmp_path, size=(16, 16))
    assert voc(root).layout.unread() == []
    (root / "JPEGImages" / "a.heic").touch()
    (root / "JPEGImages" / "Thumbs.db").touch()
    (root / "Annotations" / "b.json").touch()
    (root / "Annotations" / "gone.xml").write_text("<annotation/>")
    shutil.copy(root / "SegmentationClass" / "train0.png", root / "SegmentationClass" / "lost.png")
    unread = [
        f"{root / 'JPEGImages'}: not read, being of another format: 1 (.heic)",
        f"{root / 'Annotations'}: not read, being of another format: 1 (.json)",
        f"{root / 'Annotations'}: not read, belonging to no image: 1 (gone)",
        f"{root / 'SegmentationClass'}: not read, belonging to no image: 1 (lost)",
    ]
    assert voc(root).notes() == unread


def test_annotations_beside_images_in_folders_are_read(tmp_path: Path) -> None:
    """The short name of an image in a folder is enough for its annotation."""
    root = make_voc(tmp_path, n_val=0, n_test=0, size=(16, 16), masks=False)
    deep = root / "JPEGImages" / "deep"
    deep.mkdir()
    for image in list((root / "JPEGImages").glob("*.jpg")):
        image.rename(deep / image.name)
    assert voc(root).layout.unread() == []


def test_an_image_folder_says_where_its_classes_come_from(tmp_path: Path) -> None:
    for name in ("training/cat", "training/dog", "test/cat", "test/dog"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name / "0.png")
    data = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0)
    assert data.decided() == [
        f"train: {tmp_path / 'training'}",
        f"test: {tmp_path / 'test'}",
        "classes: the names of the 2 folders in it, sorted",
        "targets: label, the folder that an image is in",
    ]
    Image.new("RGB", (8, 8)).save(tmp_path / "loose.png")
    assert f"{tmp_path}: 1 image is in no class folder and not used" in data.notes()


def test_samples_are_totalled_over_the_splits_within_80_columns() -> None:
    names = ("label", "labels", "boxes", "mask")
    found = []
    for split, total in (("train", 11540), ("val", 5823)):
        tallies = {name: Tally(Target("label", ("a", "b")), samples=2000 - 7) for name in names}
        broken = [Broken(str(n), "") for n in range(7)]
        found.append(SplitStatistics(split, total, 2000, tallies, broken))  # type: ignore[arg-type]
    console = printed()
    print_report(console, found)
    table = text(console).split("label:")[0]
    assert max(map(len, table.splitlines())) <= 80
    cells = {
        line.split("│")[1].strip(): line.split("│")[2:-1]
        for line in table.splitlines()[4:-1]
        if "│" in line
    }
    assert [cell.strip() for cell in cells["total"]] == ["17363", "", "14", *["3986"] * 4]
    assert [cell.strip() for cell in cells["val"]][:2] == ["5823", "2000, spread"]


def test_objects_are_totalled_over_the_classes() -> None:
    tally = Tally(Target("boxes", ("a", "b")), samples=3)
    tally.counts[:] = 2, 5
    console = printed()
    print_report(console, [SplitStatistics("train", 3, 3, {"boxes": tally})])
    assert "│ (in all) │          7 │" in text(console)


def test_of_many_classes_the_commonest_and_the_rarest_are_shown() -> None:
    names = tuple(f"class{number}" for number in range(80))
    tallies = [Tally(Target("boxes", names), samples=200) for _ in range(2)]
    for tally in tallies:
        tally.counts[:] = np.arange(80) * 3
        tally.note("objects per image", 1.0, 4.0)
    tallies[1].counts[:] = np.arange(80)[::-1] // 40
    for tally in tallies:
        tally.counts[[20, 30]] = 0
    found = [
        SplitStatistics(split, 200, 200, {"boxes": tally})
        for split, tally in zip(("train", "val"), tallies, strict=True)
    ]
    console = printed()
    print_report(console, found)  # type: ignore[arg-type]
    shown = re.findall(r"(class\d+) ", text(console))
    assert shown == [f"class{n}" for n in (*range(79, 69, -1), *range(4, -1, -1))]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text(console).splitlines()]
    assert ["(63 more)", "15 to 207", "0 to 1"] in rows
    assert ["(2 never)", "0", "0"] in rows
    for line in ("(in all)", "(objects per image: min, median, max)"):
        assert line in text(console)
    assert len(text(console).splitlines()) < 35


def test_what_is_the_same_of_several_targets_is_told_once() -> None:
    tallies = {name: Tally(Target(name, ("a", "b")), samples=3) for name in ("boxes", "instances")}
    for tally in tallies.values():
        tally.counts[:] = 2, 5
    console = printed()
    print_report(console, [SplitStatistics("train", 3, 3, tallies)])
    assert "boxes, instances: objects by class" in text(console)
    assert text(console).count("(in all)") == 1
    tallies["boxes"].counts[:] = 1, 5
    print_report(console, [SplitStatistics("train", 3, 3, tallies)])
    assert text(console).count("(in all)") == 3


def test_columns_in_which_all_is_well_are_left_out() -> None:
    names = ("label", "labels", "boxes", "instances", "keypoints", "mask")
    tallies = {name: Tally(Target("label", ("a", "b")), samples=10_000) for name in names}
    console = printed()
    print_report(console, [SplitStatistics("train", 10_000, 10_000, tallies)])
    header = text(console).splitlines()[2]
    assert [cell.strip() for cell in header.split("┃")[1:-1]] == ["split", "samples", *names]


def test_fifteen_classes_and_one_keep_their_order() -> None:
    names = tuple(f"c{number}" for number in range(16))
    tally = Tally(Target("labels", names), samples=20)
    tally.counts[:] = np.arange(16)
    console = printed()
    print_report(console, [SplitStatistics("train", 20, 20, {"labels": tally})])
    assert re.findall(r"(c\d+) ", text(console)) == list(names)
    assert "more" not in text(console)


def test_a_single_class_that_every_sample_has_gets_no_table() -> None:
    label, boxes = Tally(Target("label", ("a",)), samples=3), Tally(Target("boxes", ("a",)), 3)
    label.counts[:], boxes.counts[:] = 3, 7
    console = printed()
    print_report(console, [SplitStatistics("train", 3, 3, {"label": label, "boxes": boxes})])
    assert "label:" not in text(console)
    assert "boxes: objects by class" in text(console)
    label.counts[:] = 2
    print_report(console, [SplitStatistics("train", 3, 3, {"label": label})])
    assert "label: samples by class" in text(console)


def test_all_counts_are_written(tmp_path: Path) -> None:
    names = tuple(f"c{number}" for number in range(80))
    tally = Tally(Target("boxes", names), samples=2, missing=["x"], ignored=4)
    tally.counts[:] = np.arange(80)
    tally.note("objects per image", 1.0, 4.0, 5.0)
    broken = [Broken("b", "b.png: is empty")]
    found = SplitStatistics("train", 9, 4, {"boxes": tally}, broken)
    path = write_counts([found], tmp_path / "name.png")
    assert path == tmp_path / "name_counts.json"
    assert json.loads(path.read_text()) == {
        "train": {
            "samples": 9,
            "looked_at": 4,
            "broken": {"b": "b.png: is empty"},
            "targets": {
                "boxes": {
                    "samples": 2,
                    "missing": ["x"],
                    "objects": {f"c{number}": number for number in range(80)},
                    "difficult objects": 4,
                    "min, median, max": {"objects per image": [1, 4, 5]},
                }
            },
        }
    }


def test_of_samples_that_lack_a_target_a_few_are_named() -> None:
    missing = [f"photos/shelf/{number}.png" for number in range(40)]
    tally = Tally(Target("boxes", ("a",)), samples=2, missing=missing)
    console = printed(300)
    print_report(console, [SplitStatistics("train", 42, 42, {"boxes": tally})])
    assert text(console).splitlines()[-1] == (
        "40 of 42 train samples lack boxes: photos/shelf/0.png, photos/shelf/1.png, "
        "photos/shelf/2.png, ..."
    )
    narrow = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    print_report(narrow, [SplitStatistics("train", 42, 42, {"boxes": tally})])
    last = text(narrow).splitlines()[-3:]
    assert max(map(len, last)) <= 60
    assert last[-1].endswith("...")


def test_other_sets_of_a_mixture_lack_nothing() -> None:
    missing = ["cells:a.png", *(f"pets:{number}.png" for number in range(9))]
    tallies = {
        "cells.boxes": Tally(Target("boxes", ("a",)), samples=2, missing=missing),
        "pets.mask": Tally(Target("mask", ("a", "b")), samples=9, missing=["cells:a.png"] * 3),
        "both": Tally(Target("label", ("a", "b")), samples=9, missing=["cells:a.png"]),
    }
    console = printed(300)
    print_report(console, [SplitStatistics("train", 12, 12, tallies)], ("cells", "pets"))
    said = [line for line in text(console).splitlines() if "lack" in line]
    assert said == [
        "1 of 3 train samples of cells lacks cells.boxes: cells:a.png",
        "1 of 10 train samples lacks both: cells:a.png",
    ]


def test_many_files_that_are_broken_alike_are_one_line() -> None:
    console = printed(500)
    alike = [("train", Broken(f"{n}", f"m/{n}.png: has pixels of value 7")) for n in range(40)]
    print_broken(console, [*alike, ("val", Broken("x", "x.png: is empty"))])
    assert "41 broken samples" in text(console)
    assert text(console).splitlines()[1:] == [
        "  train: 40 files: has pixels of value 7: "
        "m/0.png, m/1.png, m/2.png, m/3.png, m/4.png, ...",
        "  val: x.png: is empty",
    ]


@pytest.mark.slow
def test_tasks_are_proposed_by_what_is_labelled() -> None:
    cfg = load(["data=shapes"])
    targets = {name: Target(name, ("a", "b")) for name in ("label", "labels", "boxes", "mask")}  # type: ignore[arg-type]

    def proposed(labelled: list[str], *overrides: str) -> list[str]:
        return list(tasks_for(targets, labelled, cfg, overrides, None))

    # The data's own suggestion as far as it goes, else the usual head of each kind.
    assert proposed(["label", "labels", "boxes", "mask"]) == list(cfg.tasks)
    assert proposed(["boxes", "labels"]) == ["detection"]
    assert proposed(["labels"]) == ["multilabel"]
    assert proposed([]) == []
    assert proposed(["labels"], "tasks=[detection]") == list(cfg.tasks)
    # What the suggestion lacks, and nothing that all images have in common.
    cfg = load(["data=voc_folder", "data.root=."])
    assert proposed(["boxes", "labels", "mask"]) == ["multilabel", "detection", "segmentation"]
    targets = {name: Target(name, ("a",)) for name in ("labels", "boxes")} | {  # type: ignore[arg-type]
        "mask": targets["mask"]
    }
    assert proposed(["boxes", "labels", "mask"]) == ["detection", "segmentation"]
    assert proposed(["labels"]) == ["multilabel"]
    line = train_command(["data.root=my photos", "tasks=[a,b]"], Path("mine"))
    assert line == "mtl train --config-dir mine 'data.root=my photos' 'tasks=[a,b]'"


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_task_of_every_target_of_a_table_is_proposed(count: int) -> None:
    heads = {
        "label": "classification",
        "labels": "multilabel",
        "numbers": "regression",
        "mask": "segmentation",
        "depth": "depth",
        "normals": "normals",
    }
    classes = {"label": ("low", "high"), "labels": ("big", "red"), "numbers": ("stain",)}
    classes["mask"] = ("background", "cell")
    targets = {kind: Target(kind, classes.get(kind, ())) for kind in heads}  # type: ignore[arg-type]
    for kinds in itertools.combinations(heads, count):
        columns = ", ".join(f"{kind}s: {kind}" for kind in kinds)
        given = ["data=csv", "data.root=.", f"data.columns={{file: image, {columns}}}"]
        first = load([*given], needs_data=False)
        tasks = tasks_for(targets, kinds, first, given, None)
        assert sorted(tasks) == sorted(heads[kind] for kind in kinds)
        cfg = load([*given, f"tasks=[{','.join(tasks)}]"], needs_data=False)
        assert {cfg.heads[task].target for task in tasks} == set(kinds)


def test_a_folder_of_masks_alone_ends_with_the_command_that_trains_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_voc(tmp_path / "voc", n_test=0, size=(16, 16))
    shutil.rmtree(root / "Annotations")
    for number in range(4):
        write_mask(root, f"train{number}", np.full((16, 16), 255 * (number % 2), np.uint8))
    arguments = ["data=voc_folder", f"data.root={root}", "data.classes=[car]", "image_size=32"]
    assert run([*arguments, f"out={tmp_path / 'grid.png'}", "samples=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "train on it",
        f"  mtl train data=voc_folder data.root={root} 'data.classes=[car]' image_size=32 "
        "'tasks=[segmentation]'",
    ]
    said = lines[lines.index("worth a look") :]
    assert any("hold only 0 and 255" in line and "data.masks=binary" in line for line in said)
    assert any("no test split" in line and "data.test_fraction=0.1" in line for line in said)


def test_the_first_task_of_several_sets() -> None:
    sets = ["data=mixed", "data@data.sets.a=folders", "data@data.sets.b=voc_folder"]
    first = ["tasks=[segmentation]", "heads.segmentation.target=a.mask"]
    assert with_first_task(sets, None) == [*sets, *first]
    some = [*sets, "data.merge={mask: [a.mask,b.mask]}"]
    second = ["tasks=[multilabel]", "heads.multilabel.target=b.labels"]
    assert with_first_task(some, None) == [*some, *second]
    merges = [f"data.merge.{kind}=[a.{kind},b.{kind}]" for kind in ("mask", "labels", "boxes")]
    assert with_first_task([*sets, *merges], None) == [*sets, *merges, "tasks=[segmentation]"]
    for said in (["data=shapes"], [*sets, "tasks=[detection]"], ["data@data.sets.a=nothing"]):
        assert with_first_task(said, None) == said
