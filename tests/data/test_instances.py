"""Masks of objects follow their pictures, and their boxes follow the masks."""

import numpy as np
import pytest
import torch

from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import collate
from mtl.data.instances import InstanceBatch, Instances
from mtl.data.masks import Masks
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.target.motion import Motion

SIDE = 64
TARGET = Target("instances", ("disc", "bar"))


def made(*masks: np.ndarray) -> Instances:
    found = Masks.of(masks, masks[0].shape[:2])
    labels = np.arange(len(masks)) % 2
    return Instances.of(Boxes(found.xyxy, labels, np.zeros(len(masks), np.bool_)), found)


def scene() -> Sample:
    """A red disc and a green bar that overlap, as the picture shows them."""
    y, x = np.indices((SIDE, SIDE))
    disc, bar = (x - 25) ** 2 + (y - 30) ** 2 < 150, (abs(y - 33) < 4) & (x > 20) & (x < 50)
    image = np.stack([disc, bar, np.zeros_like(bar)], -1).astype(np.uint8) * 255
    return Sample(image, "scene", {"x": made(disc, bar)}, meaning={"x": TARGET})


def check(image: np.ndarray, value: Instances) -> None:
    assert len(value) == 2
    for colour, mask in enumerate(value.masks.whole):
        seen = image[..., colour] > 127
        assert (seen & mask).sum() / (seen | mask).sum() > 0.9
        rows, columns = np.nonzero(mask)
        tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert value.xyxy[colour].tolist() == tight
    assert value.labels.tolist() == [0, 1]


MOVES = [
    {"angles": [90]},
    {"hflip": 1.0},
    {"hflip": 1.0, "vflip": 1.0},
    {"rotate": 40, "zoom": 0.2, "shear": 0.2, "shift": 0.05, "hflip": 1.0},
]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_both_engines_put_masks_where_the_picture_shows_them(move: dict[str, float]) -> None:
    spec = Augmentation(**move)
    alone = SampleAugmenter(spec, SIDE)(scene(), seed=3)
    check(alone.image, alone.targets["x"])
    batch = collate([scene(), scene()], {"x": TARGET}, seed=3, copy=[0, 0])
    moved = BatchAugmenter(spec, {"x": TARGET})(batch)
    for row in range(2):
        value = TARGET.kind.separate(moved.targets["x"].value, row)
        check(moved.image[row].permute(1, 2, 0).numpy(), value)


@pytest.mark.parametrize("name", ["Transpose", "ElasticTransform"])
def test_albumentations_steps_carry_them(name: str) -> None:
    spec = Augmentation(extra=[{"name": name, "p": 1.0}])
    done = SampleAugmenter(spec, SIDE)(scene(), seed=0)
    check(done.image, done.targets["x"])


def shifted(value: Instances, x: float, spec: Augmentation) -> Instances:
    matrix = torch.tensor([[[1.0, 0, x], [0, 1, 0]]], dtype=torch.float64)
    flips = torch.zeros(1, 2, dtype=torch.bool)
    return TARGET.moved_alone(value, Motion(matrix, value.masks.size, spec, flips, True))


def test_what_leaves_the_picture_is_dropped_as_boxes_are() -> None:
    """Of a bar of eight pixels and a dot; shares are of the mask, not of the box around it."""
    bar, dot = np.zeros((4, 8), np.bool_), np.zeros((4, 8), np.bool_)
    bar[1] = True
    dot[2, 7] = True
    value = made(bar, dot)
    found = shifted(value, -6, Augmentation(min_visibility=0.25))
    assert found.xyxy.tolist() == [[0, 1, 2, 2], [1, 2, 2, 3]]
    assert shifted(value, -6, Augmentation(min_visibility=0.3)).labels.tolist() == [1]
    assert len(shifted(value, -9, Augmentation(min_visibility=0))) == 0


def test_resizing_by_the_nearest_pixel_never_loses_an_object() -> None:
    mask = np.zeros((4, 8), np.bool_)
    mask[1, 2:6] = True
    mask[2, 3] = True
    letterbox = Frame(8, 4, 2, 2, 0, 4)
    resized = TARGET.kind.resized(made(mask), letterbox, 16)
    (found,) = resized.masks.whole
    np.testing.assert_array_equal(found, np.pad(mask.repeat(2, 0).repeat(2, 1), ((4, 4), (0, 0))))
    assert resized.within == (0, 4, 16, 12)
    back = TARGET.kind.to_original(resized, letterbox)
    np.testing.assert_array_equal(next(back.masks.whole), mask)
    tiny = TARGET.kind.resized(made(mask), Frame(8, 4, 0.25, 0.25, 0, 0), 2)
    assert tiny.masks.areas.tolist() == [1]


def test_masks_are_packed_into_bits_and_cropped() -> None:
    value = scene().targets["x"]
    packed = TARGET.kind.pack(value)
    high = value.masks.rectangles[:, 2:].prod(1).sum()
    assert packed["bits"].nbytes == (high + 7) // 8 < SIDE**2 / 8
    assert TARGET.kind.collate([value, value]).pixels.shape == (2 * high,)


def test_a_batch_tells_which_pixels_a_mask_has() -> None:
    value = scene().targets["x"]
    batch = TARGET.kind.collate([value.taken(np.array([False, False])), value])
    assert isinstance(batch, InstanceBatch)
    y, x = np.indices((SIDE, SIDE)) + 0.5
    places = [torch.from_numpy(np.stack([axis] * 2)) for axis in (x, y)]
    for rows in (slice(1, 2), torch.tensor([1])):
        shown = batch[rows].shown(torch.tensor([0, 0]), torch.tensor([1, 0]), *places)
        np.testing.assert_array_equal(shown.numpy(), np.stack([*value.masks.whole])[::-1])
    none = batch[:1].at_least_one()
    assert not none.shown(torch.tensor([0]), torch.tensor([0]), places[0][:1], places[1][:1]).any()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (made(np.zeros((4, 4), np.bool_)), "has a mask without a pixel"),
        (Instances.of(made(np.eye(4) > 0), Masks((4, 4))), "has 0 masks for 1 objects"),
        (Boxes.empty(), "Boxes is given instead of Instances"),
    ],
)
def test_what_is_no_instances_is_refused(value: Boxes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TARGET.exact(value)


def test_drawing_tints_the_mask_and_outlines_what_does_not_count() -> None:
    value = scene().targets["x"]
    value.difficult[1] = True
    drawn = TARGET.kind.draw(np.zeros((SIDE, SIDE, 3), np.uint8), value, TARGET, 1)
    assert drawn[22, 25].any()
    assert not drawn[33, 45].any()
    assert (drawn[30, 45] == 128).all()
