"""The sample engine: deterministic in its seed, and albumentations' own results throughout."""

import random
from collections.abc import Mapping
from typing import Any

import albumentations as A
import numpy as np
import pytest

from mtl.data.augmentation.sample import SampleAugmenter
from mtl.data.augmentation.spec import Augmentation
from mtl.data.sample import Boxes, Sample, Target, TargetValue
from mtl.errors import UserError

SIZE = 48
EVERYTHING: dict[str, Any] = {
    "hflip": 0.5,
    "vflip": 0.5,
    "rotate": 30,
    "shift": 0.2,
    "zoom": 0.2,
    "shear": 0.2,
    "brightness": 0.1,
    "contrast": 0.1,
}
TARGETS = {
    "label": Target("label", "abcd"),
    "labels": Target("labels", "abc"),
    "boxes": Target("boxes", [str(number) for number in range(36)]),
    "mask": Target("mask", "abc"),
    "parts": Target("mask", "abc"),
}
NO_CHANGE = [{"name": "Transpose", "p": 0.0}]


def sample(seed: int = 0, count: int = 6) -> Sample:
    generator = np.random.default_rng(seed)
    corner = generator.uniform(0, 30, (count, 2))
    xyxy = np.concatenate([corner, corner + generator.uniform(4, 18, (count, 2))], 1)
    targets: dict[str, TargetValue] = {
        "label": 3,
        "labels": np.array([0, 1, -1], np.int8),
        "boxes": Boxes(xyxy.astype(np.float32), np.arange(count) * 7, np.arange(count) % 2 == 1),
        "mask": generator.integers(0, 3, (SIZE, SIZE), np.uint8),
        "parts": generator.integers(0, 3, (SIZE, SIZE), np.uint8),
    }
    image = generator.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    return Sample(image, "a.jpg", targets, meaning=TARGETS)


def assert_same(one: Sample, two: Sample) -> None:
    np.testing.assert_array_equal(one.image, two.image)
    assert one.targets.keys() == two.targets.keys()
    for name, value in one.targets.items():
        other = two.targets[name]
        if isinstance(value, Boxes):
            assert isinstance(other, Boxes)
            np.testing.assert_array_equal(value.xyxy, other.xyxy)
            np.testing.assert_array_equal(value.labels, other.labels)
            np.testing.assert_array_equal(value.difficult, other.difficult)
        else:
            np.testing.assert_array_equal(value, other)  # type: ignore[arg-type]


def test_nothing_to_do_returns_the_sample_itself() -> None:
    given = sample()
    assert SampleAugmenter(Augmentation(), SIZE)(given, 0) is given


@pytest.mark.parametrize("extra", [[], [{"name": "GaussNoise", "p": 1.0}, {"name": "Transpose"}]])
def test_the_result_depends_on_the_seed_alone(extra: list[Mapping[str, object]]) -> None:
    spec = Augmentation(**EVERYTHING, extra=extra)
    augment, fresh = SampleAugmenter(spec, SIZE), SampleAugmenter(spec, SIZE)
    expected = [augment(sample(), seed) for seed in range(4)]
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002  (nothing may depend on it)
    for seed in (3, 1, 0, 2):
        fresh(sample(1), 99)
        assert_same(fresh(sample(), seed), expected[seed])
    assert not np.array_equal(expected[0].image, expected[1].image)


def test_the_input_is_left_alone() -> None:
    given, before = sample(), sample()
    for seed in range(3):
        SampleAugmenter(Augmentation(**EVERYTHING, angles=[0, 90, 45]), SIZE)(given, seed, seed)
    assert_same(given, before)


def test_flips_are_independent_of_each_other() -> None:
    augment = SampleAugmenter(Augmentation(hflip=0.5, vflip=0.5), 2)
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0] = 1
    corners = [int(augment(Sample(image, ""), s).image[..., 0].argmax()) for s in range(200)]
    assert np.bincount(corners, minlength=4).min() > 25


@pytest.mark.parametrize("method", ["largest_box", "ellipse"])
@pytest.mark.parametrize("visibility", [0.0, 0.3, 0.9])
def test_boxes_equal_albumentations_own(method: Any, visibility: float) -> None:
    """An extra step that never happens makes albumentations move the boxes instead of us."""
    settings = {**EVERYTHING, "min_visibility": visibility, "rotated_boxes": method}
    ours = SampleAugmenter(Augmentation(**settings), SIZE)
    theirs = SampleAugmenter(Augmentation(**settings, extra=NO_CHANGE), SIZE)
    dropped = 0
    for seed in range(25):
        one, two = ours(sample(seed), seed), theirs(sample(seed), seed)
        np.testing.assert_array_equal(one.image, two.image)
        a, b = one.targets["boxes"], two.targets["boxes"]
        assert isinstance(a, Boxes)
        assert isinstance(b, Boxes)
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_array_equal(a.difficult, b.difficult)
        # Albumentations rounds to fractions of the side, and its ellipse is a polygon of 360.
        np.testing.assert_allclose(a.xyxy, b.xyxy, atol=2e-3)
        dropped += 6 - len(a)
    assert dropped > 0


def test_a_sure_left_right_flip_by_hand() -> None:
    given = sample()
    done = SampleAugmenter(Augmentation(hflip=1), SIZE)(given, 0)
    np.testing.assert_array_equal(done.image, given.image[:, ::-1])
    np.testing.assert_array_equal(done.targets["parts"], given.targets["parts"][:, ::-1])  # type: ignore[index, call-overload]
    before, after = given.targets["boxes"], done.targets["boxes"]
    assert isinstance(before, Boxes)
    assert isinstance(after, Boxes)
    expected = np.stack([SIZE - before.xyxy[:, 2], SIZE - before.xyxy[:, 0]], 1)
    np.testing.assert_allclose(after.xyxy[:, ::2], expected.clip(0, SIZE), atol=1e-5)
    assert done.targets["label"] == 3
    assert done.targets["labels"] is given.targets["labels"]
    assert done.id == "a.jpg"


def test_outside_is_fill_and_ignore() -> None:
    done = SampleAugmenter(Augmentation(angles=[45], fill=9), SIZE)(sample(), 0)
    assert done.image[0, 0].tolist() == [9, 9, 9]
    assert done.targets["mask"][0, 0] == 255  # type: ignore[index]


def test_copies_are_turned_exactly() -> None:
    augment = SampleAugmenter(Augmentation(angles=[0, 90, 180, -90]), SIZE)
    given = sample()
    assert augment(given, 1, 0) is given
    for copy, quarters in ((1, 1), (2, 2), (3, 3)):
        done = augment(given, 1, copy)
        np.testing.assert_array_equal(done.image, np.rot90(given.image, quarters))
        np.testing.assert_array_equal(
            done.targets["mask"], np.rot90(given.targets["mask"], quarters)
        )  # type: ignore[arg-type]
    before, after = given.targets["boxes"], augment(given, 1, 1).targets["boxes"]
    assert isinstance(before, Boxes)
    assert isinstance(after, Boxes)
    x1, y1, x2, y2 = before.xyxy.T
    np.testing.assert_array_equal(after.xyxy, np.stack([y1, SIZE - x2, y2, SIZE - x1], 1))


@pytest.mark.parametrize("extra", [[], NO_CHANGE])
def test_no_boxes_and_boxes_without_area(extra: list[Mapping[str, object]]) -> None:
    augment = SampleAugmenter(Augmentation(rotate=20, hflip=0.5, extra=extra), SIZE)
    flat = Boxes(
        np.array([[5, 5, 5, 20], [-9, -9, -2, -2], [10, 10, 30, 30]], np.float32),
        np.arange(3),
        np.zeros(3, np.bool_),
    )
    for seed in range(4):
        image = sample().image
        given = {"none": Boxes.empty(), "flat": flat}
        meaning = dict.fromkeys(given, TARGETS["boxes"])
        done = augment(Sample(image, "", given, meaning=meaning), seed)
        none, some = done.targets["none"], done.targets["flat"]
        assert isinstance(none, Boxes)
        assert isinstance(some, Boxes)
        assert none.xyxy.shape == (0, 4)
        assert some.labels.tolist() == [2]
        assert some.xyxy.dtype == np.float32
        assert augment(Sample(image, ""), seed).image.shape == image.shape


def test_extra_steps_run_and_masks_get_ignored_pixels() -> None:
    extra = [{"name": "Rotate", "limit": [45, 45], "p": 1.0, "border_mode": 0}]
    done = SampleAugmenter(Augmentation(extra=extra), SIZE)(sample(), 0)
    assert done.targets["mask"][0, 0] == 255  # type: ignore[index]
    assert not np.array_equal(done.image, sample().image)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "GausNoise"}, "has no transform GausNoise, did you mean GaussNoise?"),
        ({"name": "Compose"}, "has no transform Compose"),
        ({"p": 1}, "needs a name"),
        ({"name": "Blur", "blur_limits": 3}, "no argument blur_limits, did you mean blur_limit?"),
        ({"name": "GaussNoise", "p": 3}, "GaussNoise refuses its arguments"),
    ],
)
def test_wrong_extra_steps(entry: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        SampleAugmenter(Augmentation(extra=[entry]), SIZE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["ToFloat", "RandomCrop"])
def test_extra_steps_must_keep_size_and_type(name: str) -> None:
    more = {"height": 8, "width": 8} if name == "RandomCrop" else {}
    augment = SampleAugmenter(Augmentation(extra=[{"name": name, "p": 1.0, **more}]), SIZE)
    with pytest.raises(UserError, match="leave out the step that changes size or type"):
        augment(sample(), 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hflip": 1.5}, "augmentation.hflip=1.5: allowed is 0 to 1"),
        ({"rotate": -3}, "augmentation.rotate=-3: allowed is 0 to 180"),
        ({"fill": 300}, "augmentation.fill=300: allowed is 0 to 255"),
        ({"engine": "gpu"}, "augmentation.engine=gpu: choose one of auto, sample, batch"),
    ],
)
def test_values_out_of_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Augmentation(**values)


def test_albumentations_is_asked_for_what_the_spec_says() -> None:
    """The applied angle, factor and shift stay within the spec's ranges and reach them nearly."""
    augment = SampleAugmenter(Augmentation(rotate=30, zoom=0.2, shift=0.25), SIZE)
    affine = augment._pipelines[0.0]._affine
    assert isinstance(affine, A.Affine)
    applied = []
    for seed in range(150):
        augment(Sample(sample().image, ""), seed)
        applied.append((affine.params["rotate"], affine.params["scale"]["x"]))
    angles, scales = np.array(applied).T
    assert -30 <= angles.min() < -27
    assert 27 < angles.max() <= 30
    assert 0.8 <= scales.min() < 0.82
    assert 1.18 < scales.max() <= 1.2
