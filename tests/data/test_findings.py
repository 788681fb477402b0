"""What is worth a look, told before training and by ``mtl inspect``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from omegaconf import OmegaConf
from PIL import Image
from voc_factory import make_voc, write_annotation

from mtl.data.augmentation.spec import Augmentation
from mtl.data.inspection.findings import (
    few_levels,
    like_names,
    majority,
    no_split,
    one_class,
    rare_classes,
    same_picture,
    tiny_boxes,
)
from mtl.data.inspection.looked import Looked, find_all
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Target
from mtl.data.sources.base import ArraySource, DataSet
from mtl.data.sources.image_folder import ImageFolder
from mtl.data.sources.voc_folder import VocFolder
from mtl.errors import UserError


def looked(data_set: DataSet, *tasks: str, size: int = 32, fit: str = "stretch") -> Looked:
    """Tasks are called like their targets; the data has every key that a hint may name."""
    keys = ("val_fraction", "test_fraction", "classes")
    heads = {task: {"target": task, "class_weights": None} for task in tasks}
    cfg = OmegaConf.create(
        {"tasks": list(tasks), "heads": heads, "data": dict.fromkeys(keys)},
    )
    data = MultiTaskData(
        data_set,
        Standard(size, (0.5,) * 3, (0.5,) * 3, fit),  # type: ignore[arg-type]
        Augmentation(),
        batch_size=2,
        seed=0,
    )
    data.prepare_data()
    return Looked(cfg, data)


class InMemory(DataSet):
    """Splits of labels; the images are all different unless given."""

    def __init__(self, classes: tuple[str, ...], images: Any = None, **splits: list[int]) -> None:
        self.classes = classes
        self.splits = splits
        self.images = images or {}

    @property
    def targets(self) -> dict[str, Target]:
        return {"label": Target("label", self.classes)}

    def split(self, split: str) -> ArraySource | None:
        if split not in self.splits:
            return None
        labels = np.array(self.splits[split], np.int64)
        first = 100 * ("train", "val", "test").index(split)
        images = np.zeros((len(labels), 8, 8, 3), np.uint8)
        images[:, 0, 0, 0] = self.images.get(split, first + np.arange(len(labels)))
        ids = [f"{split}/{i}" for i in range(len(labels))]
        return ArraySource(images, ids, {"label": labels}, self.targets)


def folder(root: Path, **counts: int) -> ImageFolder:
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixel = (number, len(name), ord(name[0]))
            Image.new("RGB", (8, 8), pixel).save(root / name / f"{number}.png")
    return ImageFolder(root=str(root), image_size=8, val_fraction=0)


def test_missing_splits_are_named_with_the_key_that_makes_one() -> None:
    assert list(no_split.find(looked(InMemory(("a", "b"), train=[0, 1]), "label"))) == [
        "no val split: the last checkpoint counts as the best; data.val_fraction=0.2 holds some of "
        "train out",
        "no test split: nothing is measured on images that had no say; data.test_fraction=0.1 "
        "holds some of train out",
    ]
    whole = InMemory(("a", "b"), train=[0, 1], val=[0], test=[1])
    assert list(no_split.find(looked(whole, "label"))) == []
    bare = looked(InMemory(("a", "b"), train=[0, 1], val=[0]), "label")
    bare.cfg.data = {}
    assert list(no_split.find(bare)) == [
        "no test split: nothing is measured on images that had no say"
    ]


def test_classes_that_never_or_once_occur_in_train(tmp_path: Path) -> None:
    data = InMemory(("a", "b", "c", "d", "e"), train=[0, 0, 1, 3, 3], val=[2, 4])
    assert list(rare_classes.find(looked(data, "label"))) == [
        "label: never in train: c, e; data.classes=[...] chooses others",
        "label: once in train: b; data.classes=[...] chooses others",
    ]
    root = make_voc(tmp_path, n_train=6, size=(16, 16))
    for number in range(6):
        write_annotation(root, f"train{number}", [("car", (1, 1, 8, 8))] * 2, (16, 16))
    write_annotation(root, "train0", [("dog", (1, 1, 8, 8)), ("car", (1, 1, 8, 8))], (16, 16))
    voc = VocFolder(root=str(root), image_size=16, classes=["car", "dog", "person"])
    found = list(rare_classes.find(looked(voc, "labels", "boxes")))
    assert [line.partition(" in train")[0] for line in found] == [
        "labels, boxes: never", "labels, boxes: once",
    ]  # fmt: skip


def test_of_many_samples_in_files_some_are_counted_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl.data.inspection.looked.MOST_OPENED", 4)
    root = make_voc(tmp_path, n_train=8, size=(16, 16), masks=False)
    for number in range(8):
        name = "car" if number % 2 == 0 else "dog"
        write_annotation(root, f"train{number}", [(name, (1, 1, 8, 8))] * 2, (16, 16))
    voc = VocFolder(root=str(root), image_size=16, classes=["car", "dog"])
    assert next(rare_classes.find(looked(voc, "boxes"))).startswith(
        "boxes: never in train among the 4 of 8 samples looked at: dog"
    )


@pytest.mark.parametrize(("first", "second"), [("Dog", "dog"), ("traffic light", "traffic_light")])
def test_names_that_differ_by_little(first: str, second: str) -> None:
    data = InMemory((first, second, "cat"), train=[0, 1, 2])
    (line,) = like_names.find(looked(data, "label"))
    assert line.startswith(f"label: the classes {first} and {second} have almost one name")
    assert list(like_names.find(looked(InMemory(("+", "-", "a1", "a2"), train=[0]), "label"))) == []


def test_a_majority_above_nine_tenths() -> None:
    assert list(majority.find(looked(InMemory(("a", "b"), train=[0] * 19 + [1]), "label"))) == [
        "label: 95 % of train is a, so that saying it always is nearly always right; "
        "heads.label.metrics=[balanced_accuracy] judges by all classes alike, "
        "heads.label.class_weights=[...] weighs the rare ones up"
    ]
    assert list(majority.find(looked(InMemory(("a", "b"), train=[0] * 9 + [1]), "label"))) == []


def test_a_task_of_one_class(tmp_path: Path) -> None:
    data = folder(tmp_path, cat=3)
    assert list(one_class.find(looked(data, "label"))) == [
        "label has one class, cat: there is nothing to tell apart; it takes images of another class"
    ]


def test_an_empty_class_folder_is_said(tmp_path: Path) -> None:
    found = looked(folder(tmp_path, cat=3, dog=3, owl=0), "label")
    assert "label: never in train: owl; data.classes=[...] chooses others" in find_all(found)
    assert f"the class owl has no image in {tmp_path}" in found.data.data_set.notes()


def test_boxes_under_two_pixels_at_the_networks_size(tmp_path: Path) -> None:
    root = make_voc(tmp_path, n_train=2, n_val=0, n_test=0, size=(64, 32), masks=False)
    # 4 x 8 pixels become 1 x 4 in a square of 16 (2 x 4 at 32), or letterboxed 1 x 2.
    boxes = [("car", (1, 1, 4, 8)), ("car", (1, 1, 8, 8)), ("car", (1, 1, 16, 16))]
    write_annotation(root, "train0", boxes, (64, 32))
    write_annotation(root, "train1", [("car", (1, 1, 64, 6))], (64, 32))
    voc = VocFolder(root=str(root), image_size=16)
    assert list(tiny_boxes.find(looked(voc, "boxes", size=16))) == [
        "boxes: 1 of 4 train objects is under 2 pixels at image_size=16; a larger image_size "
        "shows them"
    ]
    assert list(tiny_boxes.find(looked(voc, "boxes", size=32))) == []
    (line,) = tiny_boxes.find(looked(voc, "boxes", size=16, fit="letterbox"))
    assert line.startswith("boxes: 2 of 4")


@pytest.mark.parametrize(
    ("bits", "said"),
    [(12, "reach 4095 of 65535: as 8 bits they keep 17 levels"), (16, ""), (8, "")],
)
def test_pictures_that_use_few_of_their_bits(tmp_path: Path, bits: int, said: str) -> None:
    for number, name in enumerate(("cat", "dog") * 2):
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = np.array([[0, number], [7, 2**bits - 1]]).astype(np.uint8 if bits == 8 else "u2")
        Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    data = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0)
    found = list(few_levels.find(looked(data, "label")))
    assert found == ([f"pictures have 16 bits and {said} of 256"] if said else [])


def test_equal_files_twice_and_on_both_sides_of_a_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        folder(tmp_path / split, cat=3, dog=2)
    for split in ("train", "val"):
        for number in range(2):
            Image.new("RGB", (8, 8), (9, number, split == "val")).save(
                tmp_path / split / "dog" / f"{number}.png"
            )
    (tmp_path / "train" / "dog" / "copy.png").write_bytes(
        (tmp_path / "train" / "cat" / "0.png").read_bytes()
    )
    for empty in ("e", "f"):
        (tmp_path / "train" / "cat" / f"{empty}.png").touch()
    data = ImageFolder(root=str(tmp_path), image_size=8)
    cat, dog = tmp_path / "train" / "cat", tmp_path / "train" / "dog"
    assert list(same_picture.find(looked(data, "label"))) == [
        f"the same picture twice in train: {cat}/0.png and {dog}/copy.png; leave one of each",
        f"the same picture in train and in val: {cat}/0.png and {tmp_path}/val/cat/0.png (3 such "
        "pictures); what is measured on it was learnt by heart: leave it in one of them",
    ]


def test_files_that_differ_in_the_middle_alone_are_not_equal(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    for number in range(2):
        content = b"\x89PNG" + bytes(6000) + bytes([number]) + bytes(6000)
        (tmp_path / "cat" / f"{number}.png").write_bytes(content)
    data = ImageFolder(root=str(tmp_path), image_size=8, val_fraction=0)
    assert list(same_picture.find(looked(data, "label"))) == []


def test_equal_images_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = {"train": [1, 2, 3, 1], "test": [3, 4]}
    data = InMemory(("a", "b"), pixels, train=[0, 1, 0, 1], val=[0], test=[0, 1])
    assert [line.partition(";")[0] for line in same_picture.find(looked(data, "label"))] == [
        "the same picture twice in train: train/0 and train/3",
        "the same picture in train and in test: train/2 and test/0",
    ]
    monkeypatch.setattr(same_picture, "MOST", 2)
    *_, last = same_picture.find(looked(data, "label"))
    assert last == "equal pictures were looked for without 2 of the samples: there are too many"


def test_image_folder_on_a_voc_folder_names_the_right_member(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "VOC2007", size=(16, 16), masks=False)
    for given in (root, tmp_path):
        with pytest.raises(UserError, match=rf"write data=voc_folder data\.root={root}$"):
            ImageFolder(root=str(given), image_size=8).prepare()


@pytest.mark.parametrize("beside", ["labels", "annotations"])
def test_image_folder_on_images_beside_annotations_is_refused(tmp_path: Path, beside: str) -> None:
    """As YOLO and COCO have them: the two folders would be taken for classes."""
    folder(tmp_path, images=2)
    (tmp_path / beside).mkdir()
    (tmp_path / beside / "0.txt").write_text("0 0.5 0.5 0.1 0.1")
    data = ImageFolder(root=str(tmp_path), image_size=8)
    with pytest.raises(UserError, match=rf"holds images and {beside} and no folder per class"):
        data.prepare()
    folder(tmp_path, **{beside: 2})
    ImageFolder(root=str(tmp_path), image_size=8).prepare()


@pytest.mark.slow
def test_findings_are_said_when_training_begins(tmp_path: Path, mtl: Callable[..., Result]) -> None:
    folder(tmp_path / "photos", cat=3)
    result = mtl(
        "train", "data=image_folder", f"data.root={tmp_path / 'photos'}", "data.val_fraction=0",
        "trainer=debug", "image_size=32", "data.workers=0", "batch_size=2",
    )  # fmt: skip
    assert result.code == 0, result.err
    for line in ("no val split: ", "no test split: ", "label has one class, cat: "):
        assert line in result.out
