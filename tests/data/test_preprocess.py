"""Resizing with the way back, and the two filters."""

from typing import Any

import cv2
import numpy as np
import pytest

from mtl.data.preprocess.denoise import Denoise
from mtl.data.preprocess.enhance import Enhance
from mtl.data.preprocess.standard import Standard
from mtl.data.sample import Boxes, Sample, Target
from mtl.errors import UserError

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
TARGETS = {kind: Target(kind, ("a", "b", "c")) for kind in ("label", "boxes", "mask")}


def sample(height: int, width: int) -> Sample:
    random = np.random.default_rng(0)
    return Sample(
        random.integers(0, 256, (height, width, 3), np.uint8),
        "a.jpg",
        {
            "label": 2,
            "boxes": Boxes(
                np.array([[0, 0, width, height], [2, 1, 7, 5]], np.float32),
                np.array([1, 0]),
                np.array([False, True]),
            ),
            "mask": random.integers(0, 3, (height, width), np.uint8),
        },
        meaning=TARGETS,
    )


def boxes_of(given: Sample) -> Boxes:
    value = given.targets["boxes"]
    assert isinstance(value, Boxes)
    return value


def test_stretch_by_hand() -> None:
    done, frame = Standard(32, MEAN, STD)(sample(16, 64))
    assert done.image.shape == (32, 32, 3)
    assert boxes_of(done).xyxy.tolist() == [[0, 0, 32, 32], [1, 2, 3.5, 10]]
    assert boxes_of(done).difficult.tolist() == [False, True]
    assert (frame.scale_x, frame.scale_y, frame.offset_x, frame.offset_y) == (0.5, 2, 0, 0)
    assert (frame.width, frame.height) == (64, 16)
    assert done.targets["label"] == 2


def test_letterbox_by_hand() -> None:
    given = sample(16, 64)
    done, frame = Standard(32, MEAN, STD, "letterbox")(given)
    assert done.image.shape == (32, 32, 3)
    assert (frame.scale_x, frame.scale_y, frame.offset_x, frame.offset_y) == (0.5, 0.5, 0, 12)
    assert boxes_of(done).xyxy.tolist() == [[0, 12, 32, 20], [1, 12.5, 3.5, 14.5]]
    mask = done.targets["mask"]
    assert isinstance(mask, np.ndarray)
    for outside in (slice(0, 12), slice(20, 32)):
        assert (done.image[outside] == 114).all()
        assert (mask[outside] == 255).all()
    assert (mask[12:20] < 3).all()
    inner = cv2.resize(given.image, (32, 8), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(done.image[12:20], inner)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize(("height", "width"), [(37, 53), (53, 37), (100, 9), (8, 8), (32, 32)])
def test_there_and_back(fit: Any, height: int, width: int) -> None:
    given = sample(height, width)
    done, frame = Standard(32, MEAN, STD, fit)(given)
    back = frame.boxes_to_original(boxes_of(done).xyxy)
    limit = [width, height, width, height]
    np.testing.assert_allclose(back, np.minimum(boxes_of(given).xyxy, limit), atol=1e-4)
    assert boxes_of(done).xyxy.min() >= 0
    assert boxes_of(done).xyxy.max() <= 32
    assert done.targets["mask"].shape == (32, 32)  # type: ignore[union-attr]


def test_a_sample_of_the_right_size_is_handed_back() -> None:
    given = sample(32, 32)
    done, frame = Standard(32, MEAN, STD, "letterbox")(given)
    assert done is given
    assert (frame.scale_x, frame.scale_y, frame.offset_x, frame.offset_y) == (1, 1, 0, 0)


def test_masks_keep_their_values_and_lie_on_the_image() -> None:
    image = np.zeros((60, 90, 3), np.uint8)
    image[20:40, 30:60] = 255
    mask = (image[..., 0] > 0).astype(np.uint8)
    done, _ = Standard(30, MEAN, STD)(Sample(image, "", {"mask": mask}, meaning=TARGETS))
    found = done.targets["mask"]
    assert isinstance(found, np.ndarray)
    assert set(np.unique(found)) == {0, 1}
    np.testing.assert_array_equal(found, done.image[..., 0] > 127)


def test_shrinking_a_lot_averages() -> None:
    """Alternating black and white columns become grey, where bilinear sampling would alias."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 255
    done, _ = Standard(16, MEAN, STD)(Sample(image, ""))
    assert (np.abs(done.image.astype(int) - 128) <= 1).all()


def test_denoise_removes_specks_and_only_them() -> None:
    image = np.full((32, 32, 3), 100, np.uint8)
    image[16:] = 200
    speckled = image.copy()
    speckled[5, 5] = 255
    done, _ = Denoise(32, MEAN, STD, kernel=3)(Sample(speckled, ""))
    np.testing.assert_array_equal(done.image, image)
    assert speckled[5, 5, 0] == 255


def test_enhance_raises_contrast_and_repeats_itself() -> None:
    ramp = np.linspace(100, 130, 64).astype(np.uint8)
    image = np.repeat(np.tile(ramp, (64, 1))[..., None], 3, 2)
    enhance = Enhance(64, MEAN, STD)
    done, _ = enhance(Sample(image, ""))
    again, _ = Enhance(64, MEAN, STD)(Sample(image, ""))
    assert done.image.std() > 1.2 * image.std()
    np.testing.assert_array_equal(done.image, again.image)
    plain, _ = Enhance(64, MEAN, STD, sharpen=0)(Sample(image, ""))
    assert not np.array_equal(plain.image, done.image)


def test_filters_come_before_resizing_and_leave_targets_alone() -> None:
    given = sample(64, 64)
    standard, _ = Standard(32, MEAN, STD)(given)
    for other in (Denoise(32, MEAN, STD), Enhance(32, MEAN, STD)):
        done, _ = other(given)
        assert done.image.shape == (32, 32, 3)
        np.testing.assert_array_equal(boxes_of(done).xyxy, boxes_of(standard).xyxy)


def test_keys_differ_when_pixels_would() -> None:
    made = [
        Standard(32, MEAN, STD),
        Standard(48, MEAN, STD),
        Standard(32, MEAN, STD, "letterbox"),
        Denoise(32, MEAN, STD),
        Denoise(32, MEAN, STD, kernel=5),
        Enhance(32, MEAN, STD),
        Enhance(32, MEAN, STD, clip_limit=3),
        Enhance(32, MEAN, STD, sharpen=0.5),
    ]
    keys = [one.key() for one in made]
    assert len(set(keys)) == len(keys)
    assert "0x" not in "".join(keys)
    assert Enhance(32, STD, MEAN).key() == Enhance(32, MEAN, STD).key()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Standard(8, MEAN, STD, "crop"), "preprocess.fit=crop: choose one of stretch"),  # type: ignore[arg-type]
        (lambda: Denoise(8, MEAN, STD, kernel=4), "preprocess.kernel=4: allowed are odd"),
        (lambda: Enhance(8, MEAN, STD, clip_limit=0.5), "preprocess.clip_limit=0.5: allowed"),
        (lambda: Enhance(8, MEAN, STD, sharpen=2), "preprocess.sharpen=2: allowed is 0 to 1"),
    ],
)
def test_wrong_values(make: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
