"""The built-in data set."""

import numpy as np
import pytest

from mtl.data.sample import Boxes
from mtl.data.sources.base import SPLITS, ArraySource
from mtl.data.sources.shapes import CLASSES, Shapes
from mtl.data.sources.shapes_layout import arrange
from mtl.errors import UserError


@pytest.fixture(scope="module")
def upright() -> Shapes:
    return Shapes(train=300, val=40, test=40)


@pytest.fixture(scope="module")
def train(upright: Shapes) -> ArraySource:
    return upright.split("train")


def boxes_of(source: ArraySource, index: int) -> Boxes:
    found = source.targets["boxes"][index]
    assert isinstance(found, Boxes)
    return found


def test_same_seed_same_images(train: ArraySource) -> None:
    again = Shapes(train=300, val=1, test=1).split("train")
    assert np.array_equal(again.images, train.images)
    assert np.array_equal(again.targets["mask"], train.targets["mask"])
    other = Shapes(train=20, seed=1).split("train")
    assert not any(np.array_equal(a, b) for a, b in zip(other.images, train.images, strict=False))


def test_more_images_leave_the_first_ones_alone(train: ArraySource) -> None:
    assert np.array_equal(Shapes(train=50).split("train").images, train.images[:50])


def test_splits_share_no_image(upright: Shapes) -> None:
    seen = [image.tobytes() for split in SPLITS for image in upright.split(split).images]
    assert len(seen) == len(set(seen)) == 380


def test_label_is_the_clearly_largest_visible_shape(train: ArraySource) -> None:
    for i in range(len(train)):
        labels = boxes_of(train, i).labels
        mask = np.asarray(train.targets["mask"][i])
        areas = [np.count_nonzero(mask == c + 1) for c in range(len(CLASSES))]
        main = int(np.asarray(train.targets["label"])[i])
        once = [c for c in set(labels.tolist()) - {main} if (labels == c).sum() == 1]
        assert all(areas[main] >= 1.6 * areas[c] for c in once)


@pytest.mark.parametrize("tilt", [10.0, 180.0])
def test_no_shape_is_hidden_much_and_the_main_one_leads_every_other(tilt: float) -> None:
    for i in range(100):
        layout = arrange(np.random.default_rng(i), 64, tilt, (2, 8))
        count = len(layout.placed)
        visible = np.bincount(layout.owner.ravel(), minlength=count + 1)[1:]
        whole = [np.count_nonzero(p.stencil >= 128) for p in layout.placed]
        assert (visible / whole).min() >= 0.78
        *_, second, first = np.argsort(visible)
        assert layout.placed[first].shape == layout.main_class
        assert visible[first] >= 1.6 * visible[second]


def test_boxes_are_tight_around_visible_pixels(train: ArraySource) -> None:
    checked = 0
    for i in range(100):
        boxes, mask = boxes_of(train, i), np.asarray(train.targets["mask"][i])
        for box, label in zip(boxes.xyxy, boxes.labels, strict=True):
            if (boxes.labels == label).sum() == 1:
                y, x = np.nonzero(mask == label + 1)
                assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
                checked += 1
    assert checked > 100


def test_targets_agree(train: ArraySource) -> None:
    assert set(np.unique(np.asarray(train.targets["mask"]))) == set(range(len(CLASSES) + 1))
    for i in range(len(train)):
        boxes = boxes_of(train, i)
        assert 1 <= len(boxes) <= 4
        assert not boxes.difficult.any()
        multi_hot = np.zeros(len(CLASSES), np.int8)
        multi_hot[boxes.labels] = 1
        assert np.array_equal(np.asarray(train.targets["labels"])[i], multi_hot)


def test_classes_are_about_equally_frequent(train: ArraySource) -> None:
    counts = np.bincount(np.asarray(train.targets["label"], np.int64), minlength=len(CLASSES))
    assert counts.min() > 300 / len(CLASSES) / 2


def test_colour_does_not_give_the_class_away(train: ArraySource) -> None:
    """The nearest class mean of the main shape's mean colour guesses little better than chance."""
    mask, label = np.asarray(train.targets["mask"]), np.asarray(train.targets["label"], np.int64)
    colours = np.stack(
        [image[m == c + 1].mean(0) for image, m, c in zip(train.images, mask, label, strict=True)]
    )
    means = np.stack([colours[:150][label[:150] == c].mean(0) for c in range(len(CLASSES))])
    guessed = np.linalg.norm(colours[150:, None] - means, axis=2).argmin(1)
    assert (guessed == label[150:]).mean() < 0.3  # chance is 1/6


def test_free_orientation_turns_shapes() -> None:
    def straight(orientation: str) -> float:
        """Mean share of its box that the visible part of squares fills."""
        source = Shapes(train=200, orientation=orientation, max_objects=1).split("train")
        fills = []
        for i in range(len(source)):
            (box,), (label,) = boxes_of(source, i).xyxy, boxes_of(source, i).labels
            if CLASSES[label] == "square":
                area = (box[2] - box[0]) * (box[3] - box[1])
                fills.append(np.count_nonzero(source.targets["mask"][i]) / area)
        return float(np.mean(fills))

    assert straight("upright") > 0.8  # a square tilted by 10 degrees fills 0.74 of its box
    assert 0.55 < straight("free") < 0.75  # by 45 degrees half of it


def test_shapes_grow_with_the_image() -> None:
    small, large = (
        Shapes(train=60, image_size=size, max_objects=1).split("train") for size in (32, 128)
    )
    sides = [
        np.mean([np.diff(boxes_of(s, i).xyxy[0][[0, 2]]) for i in range(60)])
        for s in (small, large)
    ]
    assert sides[1] / sides[0] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"orientation": "fre"}, "data.orientation=fre is unknown: choose upright or free "),
        ({"train": 0}, "data.train=0 is out of range: give a whole number, 1 or more"),
        ({"min_objects": 5}, "data.min_objects=5 is out of range"),
        ({"image_size": 16}, "image_size=16 is out of range: give a whole number, 32 or more"),
    ],
)
def test_mistakes(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Shapes(**options)  # type: ignore[arg-type]
