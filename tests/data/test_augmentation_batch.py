"""The batch engine: exact where it can be, and the same in meaning as the sample engine."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mtl.data.augmentation.batch import BatchAugmenter, move
from mtl.data.augmentation.engine import choose_engine
from mtl.data.augmentation.geometry import affine_matrices, clip_boxes, move_boxes, turn_boxes
from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch, BoxBatch, collate, is_grey
from mtl.data.preprocess.normalise import Normalise
from mtl.data.sample import Boxes, Sample, Target
from mtl.data.target.motion import Motion
from mtl.errors import UserError

TARGETS = {
    "label": Target("label", ("a", "b")),
    "labels": Target("labels", ("a", "b")),
    "boxes": Target("boxes", ("a", "b", "c")),
    "mask": Target("mask", ("background", "a")),
}


def boxes(*xyxy: tuple[float, float, float, float]) -> Boxes:
    count = len(xyxy)
    return Boxes(np.array(xyxy, np.float32), np.arange(count), np.zeros(count, np.bool_))


def marked(size: int = 32) -> Sample:
    """A bright spot with its box and its mask, away from the centre."""
    image = np.zeros((size, size, 3), np.uint8)
    mask = np.zeros((size, size), np.uint8)
    image[6:10, 18:24] = 255
    mask[6:10, 18:24] = 1
    targets = {"label": 1, "boxes": boxes((18, 6, 24, 10)), "mask": mask}
    return Sample(image, "marked", targets, meaning=TARGETS)


def noise(count: int = 6, size: int = 16, **fields: Any) -> Batch:
    random = np.random.default_rng(0)
    samples = []
    for i in range(count):
        targets: dict[str, Any] = {"label": i % 2, "labels": np.array([1, 0], np.int8)}
        if i % 2:
            targets["mask"] = random.integers(0, 2, (size, size), np.uint8)
            targets["boxes"] = boxes(*[(1, 2, 6, 9), (3, 3, 12, 14)][: 1 + i % 3 % 2])
        image = random.integers(0, 256, (size, size, 3), np.uint8)
        samples.append(Sample(image, str(i), targets))
    return replace(collate(samples, TARGETS), seed=5, **fields)


def centroid(weights: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]] + 0.5
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def test_nothing_to_do_returns_the_batch_itself() -> None:
    batch = noise()
    assert BatchAugmenter(Augmentation(), TARGETS)(batch) is batch


def test_grey_pictures_are_augmented_as_their_three_equal_colours_are() -> None:
    batch = noise()
    plane = batch.image[:, :1].contiguous()
    augment = BatchAugmenter(Augmentation(hflip=0.5, rotate=20, brightness=0.2), TARGETS)
    grey = augment(replace(batch, image=plane.expand(-1, 3, -1, -1)))
    coloured = augment(replace(batch, image=plane.repeat(1, 3, 1, 1)))
    assert is_grey(grey.image)
    assert torch.equal(grey.image, coloured.image)
    normalise = Normalise((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    ready = normalise(grey.image)
    assert torch.equal(ready, normalise(coloured.image))
    assert ready.is_contiguous(memory_format=torch.channels_last)


def test_sure_flips_move_every_pixel_exactly() -> None:
    batch = noise()
    done = BatchAugmenter(Augmentation(hflip=1, vflip=1), TARGETS)(batch)
    assert torch.equal(done.image, batch.image.flip(-1, -2))
    masks, before = done.targets["mask"].value, batch.targets["mask"].value
    assert isinstance(masks, torch.Tensor)
    assert isinstance(before, torch.Tensor)
    assert torch.equal(masks, before.flip(-1, -2))
    moved = done.targets["boxes"].value
    assert isinstance(moved, BoxBatch)
    assert moved.xyxy[0, 0].tolist() == [10, 7, 15, 14]
    assert done.targets["label"] is batch.targets["label"]
    assert done.targets["labels"] is batch.targets["labels"]


def test_half_of_the_flips_happen_each_way_independently() -> None:
    image = torch.zeros((400, 3, 2, 2), dtype=torch.uint8)
    image[:, :, 0, 0] = 1
    batch = Batch(image, [str(i) for i in range(400)], {}, seed=1)
    done = BatchAugmenter(Augmentation(hflip=0.5, vflip=0.5), TARGETS)(batch)
    corners = done.image[:, 0].flatten(1).argmax(1).bincount(minlength=4)
    assert corners.min() > 70


def test_whole_pixel_shifts_need_no_interpolation() -> None:
    batch = noise()
    done = BatchAugmenter(Augmentation(shift=0.3, fill=7), TARGETS)(batch)
    for before, after in zip(batch.image, done.image, strict=True):
        found = [
            (dx, dy)
            for dx in range(-4, 5)
            for dy in range(-4, 5)
            if torch.equal(_shifted(before, dx, dy, 7), after)
        ]
        assert len(found) == 1


def _shifted(image: torch.Tensor, dx: int, dy: int, fill: int) -> torch.Tensor:
    padded = torch.nn.functional.pad(image, (8, 8, 8, 8), value=fill)
    size = image.shape[-1]
    return padded[:, 8 - dy : 8 - dy + size, 8 - dx : 8 - dx + size]


def test_quarter_turns_are_exact_and_follow_the_copy() -> None:
    batch = noise(4, copy=torch.tensor([0, 1, 2, 3]))
    done = BatchAugmenter(Augmentation(angles=[0, 90, 180, 270]), TARGETS)(batch)
    for row in range(4):
        assert torch.equal(done.image[row], batch.image[row].rot90(row, (-2, -1)))
    mask, before = done.targets["mask"].value, batch.targets["mask"].value
    assert isinstance(mask, torch.Tensor)
    assert isinstance(before, torch.Tensor)
    assert torch.equal(mask[0], before[0].rot90(1, (-2, -1)))
    moved = done.targets["boxes"].value
    assert isinstance(moved, BoxBatch)
    assert moved.xyxy[0, 0].tolist() == [2, 10, 9, 15]
    assert torch.equal(moved.labels, batch.targets["boxes"].value.labels)  # type: ignore[union-attr]
    assert (moved.xyxy[~moved.valid] == 0).all()


def test_same_seed_same_result_and_other_seed_another() -> None:
    augment = BatchAugmenter(
        Augmentation(hflip=0.5, rotate=20, zoom=0.2, shear=0.1, contrast=0.3), TARGETS
    )
    batch = noise()
    first = augment(batch)
    augment(replace(batch, seed=9))
    assert torch.equal(augment(batch).image, first.image)
    assert not torch.equal(augment(replace(batch, seed=9)).image, first.image)
    assert first.image.dtype == torch.uint8


def test_an_empty_batch_passes() -> None:
    batch = collate([], TARGETS)
    assert BatchAugmenter(Augmentation(rotate=10), TARGETS)(batch) is batch


def test_outside_is_fill_and_ignore() -> None:
    batch = collate([marked()], TARGETS, copy=[0])
    done = BatchAugmenter(Augmentation(angles=[45], fill=50), TARGETS)(batch)
    assert done.image[0, :, 0, 0].tolist() == [50, 50, 50]
    assert done.targets["mask"].value[0, 0, 0] == 255  # type: ignore[index]


def test_boxes_that_leave_are_marked_and_zeroed() -> None:
    sample = replace(marked(), targets={"boxes": boxes((0, 0, 10, 10), (20, 0, 30, 10))})
    matrix = torch.tensor([[[1.0, 0, 9], [0, 1, 0]]], dtype=torch.float64)
    flips = torch.zeros((1, 2), dtype=torch.bool)
    motion = Motion(matrix, (32, 32), Augmentation(min_visibility=0.4), flips, warps=True)
    done = move(collate([sample], TARGETS), motion, TARGETS)
    moved = done.targets["boxes"].value
    assert isinstance(moved, BoxBatch)
    assert moved.labels.tolist() == [[0, -1]]
    assert moved.xyxy[0].tolist() == [[9, 0, 19, 10], [0, 0, 0, 0]]


def test_a_turned_box_by_hand() -> None:
    """A 30 x 20 box turned by 30 degrees: 36.0 x 32.3, and 27.8 x 22.9 around the ellipse."""
    one, two = torch.zeros(1, dtype=torch.float64), torch.zeros((1, 2), dtype=torch.float64)
    matrix = affine_matrices(
        (100, 100), angle=one + 30, scale=one + 1, shear=two, shift=two, flip=two.bool()
    )
    box = torch.tensor([[[35.0, 40, 65, 60]]], dtype=torch.float64)
    cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
    for method, width, height in (
        ("largest_box", 30 * cos + 20 * sin, 30 * sin + 20 * cos),
        ("ellipse", math.hypot(30 * cos, 20 * sin), math.hypot(30 * sin, 20 * cos)),
    ):
        moved = move_boxes(box, matrix, method)[0, 0]  # type: ignore[arg-type]
        expected = [50 - width / 2, 50 - height / 2, 50 + width / 2, 50 + height / 2]
        assert moved.tolist() == pytest.approx(expected)


def test_turning_boxes_four_times_returns_them() -> None:
    box = torch.tensor([[1.0, 2, 5, 4]])
    assert turn_boxes(box, 1, (10, 20)).tolist() == [[2, 15, 4, 19]]
    assert torch.equal(turn_boxes(box, 4, (10, 20)), box)


def test_a_box_outside_goes_even_at_visibility_zero() -> None:
    _, keep = clip_boxes(torch.tensor([[-5.0, 0, -1, 4], [2, 2, 2, 9], [0, 0, 4, 4]]), (8, 8), 0)
    assert keep.tolist() == [False, False, True]


@pytest.mark.parametrize("angle", [30, -45, 90, 200])
def test_both_engines_turn_the_same_way(angle: float) -> None:
    spec = Augmentation(angles=[0, angle], min_visibility=0)
    by_sample = SampleAugmenter(spec, 32)(marked(), seed=0, copy=1)
    by_batch = BatchAugmenter(spec, TARGETS)(collate([marked()], TARGETS, copy=[1]))
    _assert_alike(by_sample, by_batch)


@pytest.mark.parametrize(
    "steps",
    [{"shift": 0.1}, {"zoom": 0.3}, {"shear": 0.3}, {"hflip": 1.0}, {"vflip": 1.0, "rotate": 40}],
)
def test_the_batch_engine_with_albumentations_matrix_does_the_same(steps: dict[str, float]) -> None:
    spec = Augmentation(**steps, min_visibility=0)  # type: ignore[arg-type]
    augment = SampleAugmenter(spec, 32)
    for seed in range(4):
        by_sample = augment(marked(), seed)
        motion = augment._pipelines[0.0]._motion()
        assert motion is not None
        by_batch = move(collate([marked()], TARGETS), motion, TARGETS)
        _assert_alike(by_sample, by_batch)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [{"shear": 0.3}, {"zoom": 0.3}, {"rotate": 90}, {"shift": 0.2}])
def test_both_engines_draw_from_the_same_range(steps: dict[str, float]) -> None:
    """The linear parts and shifts that come up spread alike, by their standard deviation."""
    spec = Augmentation(**steps)  # type: ignore[arg-type]
    batch = Batch(torch.zeros((300, 3, 32, 32), dtype=torch.uint8), ["x"] * 300, {})
    engine = BatchAugmenter(spec, TARGETS)
    uniform = torch.rand((300, 10), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = engine._matrices(batch, uniform, torch.zeros((300, 2), dtype=torch.bool))
    sample = SampleAugmenter(spec, 32)
    theirs = []
    for seed in range(300):
        sample(marked(), seed)
        theirs.append(sample._pipelines[0.0]._motion())
    expected = torch.cat([motion.matrix for motion in theirs if motion is not None])
    assert torch.allclose(ours.std(0), expected.std(0), rtol=0.15, atol=0.01)


def test_the_matrix_equals_albumentations() -> None:
    from albumentations.augmentations.geometric import functional

    expected = functional.create_affine_transformation_matrix(
        {"x": 3, "y": -2}, {"x": -10, "y": 5}, {"x": 1.2, "y": 1.2}, 25, (20, 15)
    )
    tangents = [[math.tan(math.radians(10)), math.tan(math.radians(-5))]]
    matrix = affine_matrices(
        (30, 40),
        angle=torch.tensor([25.0], dtype=torch.float64),
        scale=torch.tensor([1.2], dtype=torch.float64),
        shear=torch.tensor(tangents, dtype=torch.float64),
        shift=torch.tensor([[3.0, -2]], dtype=torch.float64),
        flip=torch.zeros((1, 2), dtype=torch.bool),
    )
    np.testing.assert_allclose(matrix[0].numpy(), expected[:2], atol=1e-12)


def _assert_alike(by_sample: Sample, by_batch: Batch) -> None:
    """Spot, mask and box lie at the same place, to within a pixel, and on each other."""
    image = by_batch.image[0].permute(1, 2, 0).numpy()
    mask = by_batch.targets["mask"].value[0].numpy()  # type: ignore[index, union-attr]
    box = by_batch.targets["boxes"].value.xyxy[0, 0].numpy()  # type: ignore[union-attr]
    assert abs(image.astype(int) - by_sample.image).mean() < 2
    spot = centroid(image[..., 0].astype(float))
    centre = (box[:2] + box[2:]) / 2
    np.testing.assert_allclose(centroid(by_sample.image[..., 0].astype(float)), spot, atol=0.5)
    np.testing.assert_allclose(centroid((mask == 1).astype(float)), spot, atol=0.7)
    np.testing.assert_allclose(centre, spot, atol=1)
    own = by_sample.targets["boxes"]
    assert isinstance(own, Boxes)
    np.testing.assert_allclose(own.xyxy[0], box, atol=1e-3)
    assert (by_sample.targets["mask"] != mask).mean() < 0.08


def test_brightness_and_contrast_stay_in_range() -> None:
    batch = noise(64)
    done = BatchAugmenter(Augmentation(brightness=0.2, contrast=0.2), TARGETS)(batch)
    assert done.image.dtype == torch.uint8
    change = done.image.float().mean((1, 2, 3)) - batch.image.float().mean((1, 2, 3))
    assert 15 < change.std() < 60


def test_normalise_by_hand() -> None:
    normalise = Normalise([0.5, 0.25, 0.0], [0.5, 0.25, 1.0])
    image = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 5)
    done = normalise(image)
    assert done.is_contiguous(memory_format=torch.channels_last)
    assert done.dtype == torch.float32
    np.testing.assert_allclose(done[1, :, 3, 4], [1, -1, 0.2], atol=1e-6)
    floats = image.float().contiguous()
    assert torch.allclose(normalise(floats), done)
    assert floats[0, 0, 0, 0] == 255
    assert not normalise.state_dict()


def test_the_engine_is_chosen() -> None:
    extra = [{"name": "GaussNoise"}]
    assert choose_engine([Augmentation()], in_memory=True) == "batch"
    assert choose_engine([Augmentation()], in_memory=False) == "sample"
    assert choose_engine([Augmentation(extra=extra)], in_memory=True) == "sample"
    assert choose_engine([Augmentation(engine="sample")], in_memory=True) == "sample"
    assert choose_engine([Augmentation(engine="batch")], in_memory=False) == "batch"
    with pytest.raises(UserError, match=r"augmentation\.extra needs augmentation\.engine=sample"):
        choose_engine([Augmentation(engine="batch", extra=extra)], in_memory=True)
    with pytest.raises(UserError, match=r"augmentation\.extra"):
        BatchAugmenter(Augmentation(extra=extra), TARGETS)
