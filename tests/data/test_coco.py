"""Files in COCO's format: what is in them, and what is wrong with some."""

import json
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_kit import CATEGORIES, annotation, images, opened, pictures, source_of, write
from PIL import Image

from mtl.data.inspection.labelled import doubts
from mtl.data.sample import Boxes
from mtl.data.sources import kept_arrays
from mtl.data.sources.coco_file import CocoFile
from mtl.errors import BadFile, UserError


def one(root: Path, annotations: list[Any], **options: Any) -> dict[str, Any]:
    """The targets of the only image."""
    write(root / "annotations.json", images("a.png"), annotations)
    pictures(root, "a.png")
    return dict(source_of(opened(root, val_fraction=0, **options)).read(0).targets)


def test_objects_by_hand(tmp_path: Path) -> None:
    targets = one(
        tmp_path,
        [
            annotation(10, 7, (1, 2, 3, 4.5)),
            annotation(10, 3, (15, 5, 10, 2), iscrowd=1),
            annotation(10, 7, (4, 4, 0, 3)),
        ],
    )
    boxes = targets["boxes"]
    # The second is clipped, the third has no width.
    assert boxes.xyxy.tolist() == [[1, 2, 4, 6.5], [15, 5, 20, 7]]
    assert boxes.labels.tolist() == [1, 0]  # by the ids: cat, dog
    assert boxes.difficult.tolist() == [False, True]
    assert boxes.looked_for is None
    assert targets["labels"].tolist() == [-1, 1]
    assert targets["label"] == 1


def test_an_image_without_annotations_shows_none_of_the_classes(tmp_path: Path) -> None:
    targets = one(tmp_path, [])
    assert len(targets["boxes"]) == 0
    assert targets["labels"].tolist() == [0, 0]
    assert "label" not in targets


def test_chosen_classes_in_their_order(tmp_path: Path) -> None:
    both = [annotation(10, 7, (1, 2, 3, 4)), annotation(10, 3, (5, 5, 1, 1))]
    targets = one(tmp_path, both, classes=["dog"])
    assert targets["boxes"].labels.tolist() == [0]
    assert targets["labels"].tolist() == [1]
    with pytest.raises(UserError, match="no category 'cta'; did you mean 'cat'"):
        opened(tmp_path, classes=["cta"])


def test_layouts(tmp_path: Path) -> None:
    def named(root: Path, file: str, folder: str, **options: Any) -> str:
        write(root / file, images("x/a.png"), [annotation(10, 7, (1, 2, 3, 4))])
        pictures(root / folder, "x/a.png")
        return str(Path(source_of(opened(root, val_fraction=0, **options)).id(0)).relative_to(root))

    for place, (file, folder) in enumerate(
        [
            ("annotations/instances_train2017.json", "train2017"),
            ("annotations/instances_train2017.json", "images/train2017"),
            ("annotations/instances_default.json", "images"),
            ("train/_annotations.coco.json", "train"),
            ("result.json", "."),
            ("Annotations/train.json", "images/Train"),
        ]
    ):
        root = tmp_path / str(place)
        assert named(root, file, folder) == str(Path(folder) / "x/a.png")
    root = tmp_path / "given"
    where = {"annotations": {"train": "odd/val.json"}, "images": {"train": "odd/pictures"}}
    assert named(root, "odd/val.json", "odd/pictures", **where) == "odd/pictures/x/a.png"


def test_splits_are_those_of_the_files_and_what_is_missing_is_held_out(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(12)]
    for split, some in (("train", names[:9]), ("val", names[9:])):
        write(tmp_path / f"annotations/instances_{split}.json", images(*some), [])
        pictures(tmp_path / "images", *some)
    data = opened(tmp_path, val_fraction=0.5, test_fraction=0.25)
    sources = {split: source_of(data, split) for split in ("train", "val", "test")}
    ids = {
        split: {Path(source.id(row)).name for row in range(len(source))}
        for split, source in sources.items()
    }
    assert ids["val"] == set(names[9:])
    assert len(ids["test"]) == 2
    assert ids["train"] | ids["test"] == set(names[:9])


def test_categories_that_one_file_lacks_were_not_looked_for_in_its_images(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    cow = {"id": 1, "name": "cow"}
    write(tmp_path / "train.json", images("a.png"), [annotation(10, 7, (1, 2, 3, 4))])
    write(tmp_path / "val.json", images("b.png"), [], [CATEGORIES[1], cow])
    data = opened(tmp_path)
    assert data.targets["boxes"].classes == ("cat", "dog", "cow")
    train, val = (source_of(data, split).read(0).targets for split in ("train", "val"))  # type: ignore[arg-type]
    assert train["boxes"].looked_for.tolist() == [True, True, False]
    assert train["labels"].tolist() == [0, 1, -1]
    assert "label" not in train
    assert val["boxes"].looked_for.tolist() == [True, False, True]
    assert f"{tmp_path / 'val.json'}: dog were not looked for" in data.notes()


def test_lvis_says_for_each_image_what_was_looked_for(tmp_path: Path) -> None:
    pictures(tmp_path / "val2017", "a.png", "b.png", "c.png")
    categories = [{"id": i, "name": name} for i, name in enumerate("pqrs", start=1)]
    listed = [
        {"id": place, "coco_url": f"http://there/val2017/{name}.png", "neg_category_ids": negative,
         "not_exhaustive_category_ids": partial}
        for place, (name, negative, partial) in enumerate(
            [("a", [2, 3], []), ("b", [1, 4], [2]), ("c", [], [])]
        )
    ]  # fmt: skip
    annotations = [annotation(0, 1, (1, 1, 2, 2)), annotation(1, 2, (1, 1, 2, 2))]
    write(tmp_path / "lvis_v1_train.json", listed, annotations, categories)
    source = source_of(opened(tmp_path, val_fraction=0))
    first, second, third = (source.read(row).targets for row in range(3))
    assert first["boxes"].looked_for.tolist() == [True, True, True, False]
    assert second["boxes"].looked_for.tolist() == [True, False, False, True]
    assert second["labels"].tolist() == [0, 1, -1, 0]
    assert dict(third) == {}


def test_panoptic_pictures_are_masks(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "a.jpg", width=3, height=1)
    segments = [{"id": 1 + 256 * 2 + 65536 * 3, "category_id": 7}, {"id": 5, "category_id": 3}]
    said = {"image_id": 10, "file_name": "a.png", "segments_info": segments}
    file = write(
        tmp_path / "annotations/panoptic_train.json", images("a.jpg", width=3, height=1), [said]
    )
    pixels = np.array([[[1, 2, 3], [0, 0, 0], [5, 0, 0]]], np.uint8)
    picture = tmp_path / "annotations/panoptic_train/a.png"
    picture.parent.mkdir()
    Image.fromarray(pixels).save(picture)
    data = opened(tmp_path, val_fraction=0)
    assert set(data.targets) == {"mask"}
    assert data.targets["mask"].classes == ("background", "cat", "dog")
    assert source_of(data).read(0).targets["mask"].tolist() == [[2, 255, 1]]
    assert source_of(data).files(0) == [tmp_path / "images/a.jpg", file, picture]
    only_dogs = source_of(opened(tmp_path, val_fraction=0, classes=["dog"]))
    assert only_dogs.read(0).targets["mask"].tolist() == [[1, 255, 0]]
    said["segments_info"] = segments[:1]
    write(file, images("a.jpg", width=3, height=1), [said])
    with pytest.raises(BadFile, match=r"a\.png: shows the segment 5, of which no category is said"):
        source_of(opened(tmp_path, val_fraction=0)).read(0)
    for odd in (["x"], [{"id": "5", "category_id": 7}], [{"id": 5, "category_id": [7]}], None):
        said["segments_info"] = odd
        write(file, images("a.jpg", width=3, height=1), [said, {**said, "segments_info": []}])
        with pytest.raises(BadFile, match=r"a\.png: has segments_info that isn't a list of id and"):
            source_of(opened(tmp_path, val_fraction=0)).read(0)


def test_areas_of_stuff_are_masks_beside_objects(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "a.jpg", width=3, height=1)
    pictures(tmp_path / "images", "b.jpg", width=3, height=1)
    known = images("a.jpg", "b.jpg", width=3, height=1)
    left = {"size": [1, 3], "counts": [0, 1, 2]}
    right = {"size": [1, 3], "counts": [2, 1]}
    said = [
        {"id": 1, "image_id": 10, "category_id": 7, "segmentation": left, "bbox": [0, 0, 1, 1]},
        {"id": 2, "image_id": 10, "category_id": 3, "segmentation": right, "bbox": [2, 0, 1, 1]},
    ]
    file = write(tmp_path / "annotations/stuff_train.json", known, said)
    write(tmp_path / "annotations/instances_train.json", known, [])
    data = opened(tmp_path, val_fraction=0)
    assert data.targets["mask"].classes == ("background", "cat", "dog")
    source = source_of(data)
    first = source.read(0).targets
    assert first["mask"].tolist() == [[2, 255, 1]]
    assert len(first["boxes"]) == 0
    assert "mask" not in source.read(1).targets
    assert file in source.files(0)
    only_dogs = source_of(opened(tmp_path, val_fraction=0, classes=["dog"]))
    assert only_dogs.read(0).targets["mask"].tolist() == [[1, 255, 0]]
    write(file, known, [{**said[0], "category_id": 99}])
    with pytest.raises(BadFile, match="annotation 1 of image 10 has a category_id that is none"):
        source_of(opened(tmp_path, val_fraction=0)).read(0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends in the middle of its JSON; it is cut off"),
        ('{"images": [{"id": 1', "ends in the middle of its JSON; it is cut off"),
        ('{"images": [], "annotations": [', "ends in the middle of its JSON; it is cut off"),
        ('{"images": [] 3}', r"is no JSON: neither , nor \} at character 14"),
        ('{"images": [nope]}', "is no JSON: Expecting value at character 12"),
        ("[{}]", "is a list and not an object of lists"),
        ("<xml>", "is no JSON, which is to be an object of lists"),
        ('{"images": []}', "has no annotations; a file in COCO's format has images, annotations"),
        ('{"images": [3]}', "number 1 of its images is no object"),
        ('{"images": [{"id": 1}]}', "number 1 of its images has no file_name"),
        ('{"images": [{"file_name": "a"}]}', "image a has no id"),
        ('{"annotations": [{"id": 1}]}', "an annotation has no image_id"),
        ('{"categories": [{"id": 1}]}', "number 1 of its categories has no name"),
        (
            '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], '
            '"annotations": [], "categories": []}',
            "has two images of the id 1",
        ),
        (
            '{"images": [], "annotations": [], '
            '"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "has two categories of the id 1",
        ),
        (
            '{"images": [{"id": 1, "file_name": "../a"}], "annotations": [], "categories": []}',
            r"lists '\.\./a', which leads out of the folder",
        ),
    ],
)  # fmt: skip
def test_broken_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(UserError, match=rf"train\.json:? {message}"):
        opened(tmp_path)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"images": []}', encoding="utf-16")
    with pytest.raises(BadFile, match="is in utf-16; save it as UTF-8"):
        opened(tmp_path)
    (tmp_path / "train.json").write_bytes(b'{"images": [{"id": 1, "file_name": "\xff"}]}')
    with pytest.raises(BadFile, match="is not text in UTF-8"):
        opened(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_names_in_any_script(tmp_path: Path, encoding: str) -> None:
    categories = [{"id": 1, "name": "Straße 猫"}]
    path = write(tmp_path / "train.json", images("über.png"), [annotation(10, 1, (1, 1, 2, 2))],
                 categories)  # fmt: skip
    path.write_text(path.read_text("utf-8"), encoding=encoding)
    pictures(tmp_path, "über.png")
    data = opened(tmp_path, val_fraction=0)
    assert data.targets["boxes"].classes == ("Straße 猫",)
    assert len(source_of(data).read(0).targets["boxes"]) == 1
    file = CocoFile(path, tmp_path)
    assert file.texts([0])[0]["bbox"] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (annotation(10, 99, (1, 1, 2, 2)), "has a category_id that is none of the categories'"),
        (annotation(10, 7, (1, 1, 2)), "has a bbox that isn't four numbers"),
        (annotation(10, 7, (1, 1, -2, 2)), "has a bbox of negative width or height"),
        (annotation(10, 7, (30, 1, 2, 2)), "has a bbox outside the image of 20x10 pixels"),
    ],
)
def test_broken_annotations_are_told_with_their_image(
    tmp_path: Path, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadFile, match=rf"annotation 1 of image 10 {message}"):
        one(tmp_path, [said])


def test_images_that_are_missing_or_of_another_size(tmp_path: Path) -> None:
    write(tmp_path / "train.json", images("a.png", "b.png", "gone.png"), [])
    pictures(tmp_path, "a.png")
    pictures(tmp_path, "b.png", width=10, height=20)
    source = source_of(opened(tmp_path, val_fraction=0))
    source.read(0)
    with pytest.raises(BadFile, match=r"b\.png has 20x10 pixels, but the image has 10x20"):
        source.annotations(1)
    with pytest.raises(BadFile, match=r"gone\.png: does not exist"):
        source.read(2)
    write(tmp_path / "train.json", images("gone.png"), [])
    with pytest.raises(UserError, match=r"gone\.png, are in none .*data\.images=\{train: FOLDER\}"):
        opened(tmp_path)


def test_annotations_of_unknown_images_are_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path / "train.json", images("a.png"),
          [annotation(99, 7, (1, 1, 2, 2)), annotation(10, 3, (1, 1, 2, 2))])  # fmt: skip
    pictures(tmp_path, "a.png")
    data = opened(tmp_path, val_fraction=0)
    assert source_of(data).read(0).targets["boxes"].labels.tolist() == [0]
    assert data.notes() == [
        f"{tmp_path / 'train.json'}: 1 annotation of images that it doesn't list, such as 99, is "
        "left out"
    ]


def test_an_image_is_listed_once_and_in_one_split(tmp_path: Path) -> None:
    boxed = [annotation(10, 7, (1, 2, 3, 4)), annotation(20, 3, (1, 2, 3, 4))]
    pictures(tmp_path, "a.png", "b.png")
    write(tmp_path / "train.json", images("a.png", "a.png"), boxed)
    with pytest.raises(BadFile, match=r"lists a\.png twice, as the images of the ids 10, 20"):
        opened(tmp_path)
    write(tmp_path / "train.json", images("a.png", "b.png"), boxed)
    write(tmp_path / "val.json", images("b.png"), [])
    with pytest.raises(UserError, match=r"b\.png is in train and in val \(1 such image\)"):
        opened(tmp_path)


def test_ids_that_match_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"image_id is such as '10', and .* ids such as 10$"):
        one(tmp_path, [{**annotation(10, 7, (1, 2, 3, 4)), "image_id": "10"}])


@pytest.mark.parametrize(
    ("said", "crowd"), [("0", False), ("false", False), (None, False), ("1", True), (True, True)]
)
def test_crowds_as_text(tmp_path: Path, said: object, crowd: bool) -> None:
    targets = one(tmp_path, [annotation(10, 7, (1, 2, 3, 4), iscrowd=said)])
    assert targets["boxes"].difficult.tolist() == [crowd]


def test_crowds_alone_are_told(tmp_path: Path) -> None:
    said = [annotation(10, 7, (1, 2, 3, 4), iscrowd=1)] * 2
    one(tmp_path, said)
    data = opened(tmp_path, val_fraction=0)
    assert doubts(source_of(data), {"boxes": data.targets["boxes"]}) == [
        "all 2 objects of boxes are difficult (VOC's difficult, COCO's iscrowd): none is learnt or "
        "counted"
    ]
    one(tmp_path, [*said, annotation(10, 7, (1, 2, 3, 4))])
    data = opened(tmp_path, val_fraction=0)
    assert doubts(source_of(data), {"boxes": data.targets["boxes"]}) == []


def test_options_that_name_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no json file of training annotations"):
        opened(tmp_path)
    with pytest.raises(UserError, match=r"data\.annotations: .*x\.json is no file"):
        opened(tmp_path, annotations={"train": "x.json"})
    with pytest.raises(UserError, match=r"data\.annotations: training is no split"):
        opened(tmp_path, annotations={"training": "x.json"})
    for name in ("train2014", "train2017"):
        write(tmp_path / f"annotations/instances_{name}.json", images("a.png"), [])
    with pytest.raises(UserError, match=r"both hold objects of train; data\.annotations=\{train: "):
        opened(tmp_path)


def test_a_large_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_arrays, "WORTH", 0)
    first = one(tmp_path, [annotation(10, 7, (1, 2, 3, 4))])
    monkeypatch.setattr("mtl.data.sources.coco_file.read_index", pytest.fail)
    source = pickle.loads(pickle.dumps(source_of(opened(tmp_path, val_fraction=0))))
    second = source.read(0).targets
    assert second["boxes"].xyxy.tolist() == first["boxes"].xyxy.tolist()
    assert isinstance(source.objects.file.arrays["box"], np.memmap)
    monkeypatch.undo()
    monkeypatch.setattr(kept_arrays, "WORTH", 0)
    changed = one(tmp_path, [annotation(10, 7, (1, 2, 3, 5)), annotation(10, 7, (0, 0, 1, 1))])
    assert len(changed["boxes"]) == 2
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_the_real_files(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Counted once more from the json itself."""
    root = shared_data("coco128")
    files = {split: f"annotations/instances_{split}2017.json" for split in ("train", "val")}
    data = opened(root, annotations=files, index_dir=str(tmp_path), areas=False)
    for split, number in (("train", 98), ("val", 50)):
        said = json.loads((root / files[split]).read_text())
        source = source_of(data, split)
        assert len(source) == number == len(said["images"])
        names = {one["id"]: one["name"] for one in said["categories"]}
        truth = Counter(
            (names[one["category_id"]], bool(one["iscrowd"])) for one in said["annotations"]
        )
        classes = data.targets["boxes"].classes
        found: Counter[tuple[str, bool]] = Counter()
        for row in range(number):
            boxes = source.annotations(row)["boxes"]
            assert isinstance(boxes, Boxes)
            found.update(
                zip([classes[i] for i in boxes.labels], boxes.difficult.tolist(), strict=True)
            )
        assert found == truth


def test_the_real_panoptic_pictures(shared_data: Callable[[str], Path]) -> None:
    data = opened(shared_data("coco128"))
    assert len(data.targets["mask"].classes) == 134
    first = source_of(data, "val").read(0)
    assert Path(first.id).name == "000000000785.jpg"
    mask = np.array(first.targets["mask"])
    assert mask.shape == (425, 640)
    people = mask == data.targets["mask"].classes.index("person")
    box = first.targets["boxes"].xyxy[first.targets["boxes"].labels == 0][0]
    x1, y1, x2, y2 = box.astype(int)
    assert people[y1:y2, x1:x2].sum() == people.sum() > 5_000


def test_the_real_samples_of_keypoints_have_boxes(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("keypoint_json_samples")
    data = opened(root / "coco", annotations={"train": "test_coco.json"}, val_fraction=0)
    source = source_of(data)
    counts = [len(source.read(row).targets["boxes"]) for row in range(len(source))]  # type: ignore[arg-type]
    said = json.loads((root / "coco/test_coco.json").read_text())["annotations"]
    assert sorted(counts) == sorted(Counter(one["image_id"] for one in said).values())
