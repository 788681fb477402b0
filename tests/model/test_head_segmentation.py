"""Segmentation: losses, ignored pixels, metrics and the way back to the original."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.head.losses import soft_dice
from mtl.model.head.segmentation import Segmentation

STAGES = (Stage("a", 4, 2), Stage("b", 6, 4), Stage("c", 8, 8))
CLASSES = ("background", "cat", "dog")


def make(**options: object) -> Segmentation:
    settings: dict[str, object] = {"channels": 8, **options}
    return Segmentation(
        target=Target("mask", CLASSES),
        stages=STAGES,
        image_size=16,
        **settings,  # type: ignore[arg-type]
    )


def labelled(mask: torch.Tensor) -> Labelled:
    return Labelled(torch.arange(len(mask)), mask.to(torch.uint8))


def features(n: int) -> Features:
    return {s.stride: torch.randn(n, s.channels, 16 // s.stride, 16 // s.stride) for s in STAGES}


def test_strides_in_use() -> None:
    assert make().decoder.strides == (4, 8)
    assert make(strides=[2, 8]).decoder.strides == (2, 8)
    assert make(strides=[32]).decoder.strides == (2,)
    assert make().forward(features(2)).shape == (2, 3, 4, 4)
    assert make(strides=[2]).forward(features(2)).shape == (2, 3, 8, 8)


def test_loss_equals_torch() -> None:
    raw = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    mask = torch.randint(0, 3, (2, 16, 16))
    mask[0, :5] = 255
    for smoothing in (0.0, 0.1):
        for weights in (None, [1.0, 2.0, 0.5]):
            found = make(label_smoothing=smoothing, class_weights=weights).loss(raw, labelled(mask))
            wanted = F.cross_entropy(
                raw,
                mask,
                None if weights is None else torch.tensor(weights, dtype=torch.float64),
                ignore_index=255,
                label_smoothing=smoothing,
            )
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


def test_focal_by_hand() -> None:
    raw = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64).log().view(1, 3, 1, 1)
    raw = raw.expand(1, 3, 2, 2)
    mask = torch.tensor([[[0, 1], [255, 255]]])
    found = make(focal_gamma=2.0).loss(raw, labelled(mask))
    assert found.item() == pytest.approx((math.log(2) / 4 + math.log(4) * 9 / 16) / 2)


def test_dice_by_hand() -> None:
    # Two pixels that count, each with probabilities 1/2, 1/4, 1/4; dog does not occur.
    raw = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64).log().view(1, 3, 1, 1)
    raw = raw.expand(1, 3, 1, 3)
    mask = torch.tensor([[[0, 1, 255]]])
    background, cat = 2 * 0.5 / (1 + 1), 2 * 0.25 / (0.5 + 1)
    wanted = 1 - (background + cat) / 2
    assert soft_dice(raw, mask, 255).item() == pytest.approx(wanted)
    plain = make().loss(raw, labelled(mask))
    assert make(dice=0.5).loss(raw, labelled(mask)).item() == pytest.approx(
        plain.item() + 0.5 * wanted
    )
    perfect = torch.where(torch.arange(3).view(1, 3, 1, 1) == 1, 50.0, 0.0).expand(1, 3, 1, 3)
    assert soft_dice(perfect, torch.ones(1, 1, 3).long(), 255).item() == pytest.approx(0)


@pytest.mark.parametrize("options", [{}, {"dice": 1.0, "focal_gamma": 2.0, "label_smoothing": 0.1}])
def test_all_pixels_ignored(options: dict[str, object]) -> None:
    head = make(**options)
    loss = head.loss(head(features(1)), labelled(torch.full((1, 16, 16), 255)))
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None and p.grad.eq(0).all() for p in head.parameters())


def test_ignored_pixels_have_no_gradient() -> None:
    raw = torch.randn(1, 3, 4, 4, requires_grad=True)
    mask = torch.zeros(1, 4, 4)
    mask[0, 0] = 255
    make(dice=1.0).loss(raw, labelled(mask)).backward()
    assert raw.grad is not None
    assert raw.grad[0, :, 0].eq(0).all()
    assert raw.grad[0, :, 1:].ne(0).any()


def one_hot(mask: list[list[list[int]]]) -> torch.Tensor:
    return F.one_hot(torch.tensor(mask), 3).permute(0, 3, 1, 2).float()


def test_metrics_by_hand() -> None:
    metrics = make(per_class=True).make_metrics()
    metrics.update(one_hot([[[0, 0, 1, 1]]]), labelled(torch.tensor([[[0, 1, 1, 255]]])))
    metrics.update(one_hot([[[0, 0, 0, 1]]]), labelled(torch.tensor([[[0, 0, 1, 1]]])))
    found = metrics.compute()
    # background: 3 common, 5 in the prediction, 3 in the target; cat: 2 common, 2 and 4.
    assert found["iou_background"].item() == pytest.approx(3 / 5)
    assert found["iou_cat"].item() == pytest.approx(2 / 4)
    assert "iou_dog" not in found
    assert found["miou"].item() == pytest.approx((3 / 5 + 2 / 4) / 2)
    assert found["pixel_accuracy"].item() == pytest.approx(5 / 7)
    metrics.reset()
    assert metrics.compute() == {}


def test_a_class_that_is_only_predicted_counts() -> None:
    metrics = make().make_metrics()
    metrics.update(one_hot([[[0, 2]]]), labelled(torch.tensor([[[0, 0]]])))
    assert metrics.compute()["miou"].item() == pytest.approx((1 / 2 + 0) / 2)


def test_one_sample_in_bfloat16() -> None:
    head = make(dice=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        raw = head(features(1))
        loss = head.loss(raw, labelled(torch.randint(0, 3, (1, 16, 16))))
        prediction = head.predict(raw)
    assert loss.dtype == prediction.dtype == torch.float32
    assert prediction.shape == (1, 3, 16, 16)
    torch.testing.assert_close(prediction.sum(1), torch.ones(1, 16, 16))
    loss.backward()
    assert all(p.grad is not None for p in head.parameters())


def test_a_map_of_one_pixel() -> None:
    stages = (Stage("a", 4, 16),)
    for channels in (2, 6, 8, 16):
        head = Segmentation(
            target=Target("mask", CLASSES), stages=stages, image_size=16, channels=channels
        )
        assert head({16: torch.randn(1, 4, 1, 1)}).shape == (1, 3, 1, 1)


@pytest.mark.parametrize(
    ("width", "height", "frame"),
    [
        (90, 60, Frame(90, 60, 32 / 90, 32 / 60)),
        # Letterboxed: 32 pixels wide, 21.33 high, in the middle.
        (90, 60, Frame(90, 60, 32 / 90, 32 / 90, 0.0, (32 - 64 / 3) / 2)),
        (60, 90, Frame(60, 90, 32 / 90, 32 / 90, (32 - 64 / 3) / 2, 0.0)),
    ],
)
def test_to_original(width: int, height: int, frame: Frame) -> None:
    original = np.zeros((height, width), np.uint8)
    cv2.ellipse(original, (width // 2, height // 2), (width // 3, height // 4), 0, 0, 360, 1, -1)
    original[: height // 5, : width // 4] = 2
    x = frame.scale_x / 2 + frame.offset_x - 0.5
    y = frame.scale_y / 2 + frame.offset_y - 0.5
    matrix = np.array([[frame.scale_x, 0, x], [0, frame.scale_y, y]])
    seen = cv2.warpAffine(original, matrix, (32, 32), flags=cv2.INTER_NEAREST, borderValue=2)
    probabilities = np.stack([seen == k for k in range(3)]).astype(np.float32)
    mask = make().to_original(probabilities, frame)
    assert mask.shape == original.shape
    assert mask.dtype == np.uint8
    assert (mask == original).mean() > 0.95


def test_to_original_is_exact_at_the_same_size() -> None:
    probabilities = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    found = make().to_original(probabilities, Frame(16, 16, 1.0, 1.0))
    assert (found == probabilities.argmax(0)).all()


def test_record_and_drawing() -> None:
    head = make()
    (one,) = head.unbatch(one_hot([[[0, 1], [2, 1]]]))
    assert one.shape == (3, 2, 2)
    record = head.record(one)
    assert record["mask"].tolist() == [[0, 1], [2, 1]]
    assert record["mask"].dtype == np.uint8
    assert record["classes"] == list(CLASSES)
    canvas = np.full((2, 2, 3), 128, np.uint8)
    for prediction in (one, record["mask"]):
        changed = (head.draw(canvas, prediction) != 128).any(2)
        assert changed.tolist() == [[False, True], [True, True]]


def test_messages() -> None:
    with pytest.raises(UserError, match=r"segmentation\.metrics=mIoU: did you mean miou"):
        make(metrics=["mIoU"])
    with pytest.raises(UserError, match=r"segmentation\.channels=0: allowed: from 2 up"):
        make(channels=0)
    with pytest.raises(UserError, match="segmentation: 256 classes"):
        Segmentation(
            target=Target("mask", tuple(map(str, range(256)))), stages=STAGES, image_size=16
        )
