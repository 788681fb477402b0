import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from mtl.config.measures import DIRECTIONS
from mtl.config.member_files import node_of
from mtl.data.batch import Batch, Labelled, collate
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Boxes, Sample, Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.box import Box

TARGET = Target("boxes", ("a", "b"))


def head(**options: Any) -> Box:
    torch.manual_seed(0)
    stages = (Stage("fine", 4, 8), Stage("coarse", 6, 16))
    return Box(target=TARGET, stages=stages, **{"image_size": 64, **options})


def sample(*rows: Sequence[float]) -> Sample:
    """Rows of x1, y1, x2, y2, difficult."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    boxes = Boxes(table[:, :4], np.zeros(len(table), np.int64), table[:, 4].astype(np.bool_))
    return Sample(np.zeros((64, 64, 3), np.uint8), "", {"things": boxes})


def batch(*samples: Sample) -> Batch:
    return collate(samples, {"things": TARGET})


def labelled(*rows: Sequence[float]) -> Labelled:
    return Labelled(torch.arange(len(rows)), torch.tensor(rows, dtype=torch.float32))


def logit(*shares: float) -> torch.Tensor:
    return torch.logit(torch.tensor([shares], dtype=torch.float64))


def test_the_label_is_the_largest_object_that_is_not_difficult() -> None:
    bare = Sample(np.zeros((64, 64, 3), np.uint8), "")
    found = head().labels(
        batch(
            bare,
            sample((0, 0, 9, 9, 0), (10, 10, 30, 30, 0), (0, 0, 64, 64, 1)),
            sample(),
            sample((0, 0, 64, 64, 1)),
            sample((1, 2, 3, 4, 0)),
        ),
        "things",
    )
    assert found is not None
    assert found.index.tolist() == [1, 4]
    assert isinstance(found.value, torch.Tensor)
    assert found.value.tolist() == [[10, 10, 30, 30], [1, 2, 3, 4]]


def test_a_picture_shows_the_object_that_is_asked_for() -> None:
    def shown(*rows: Sequence[float]) -> list[list[float]]:
        truth = sample(*rows).targets["things"]
        found: list[list[float]] = head().wanted(truth).xyxy.tolist()
        return found

    assert shown((0, 0, 9, 9, 0), (10, 10, 30, 30, 0), (0, 0, 64, 64, 1)) == [[10, 10, 30, 30]]
    assert shown((0, 0, 64, 64, 1)) == []
    assert shown() == []


@pytest.mark.parametrize(
    "images",
    [[Sample(np.zeros((64, 64, 3), np.uint8), "")], [sample()], [sample((0, 0, 9, 9, 1))]],
)
def test_no_label_at_all(images: list[Sample]) -> None:
    assert head().labels(batch(*images), "things") is None


def test_prediction_by_hand() -> None:
    # Centre (32, 16), 32 wide and 48 high: the top is cut off at the picture's edge.
    raw = logit(0.5, 0.25, 0.5, 0.75)
    torch.testing.assert_close(
        head().predict(raw), torch.tensor([[16, 0, 48, 40]], dtype=torch.float64)
    )


RAW = (0.5, 0.25, 0.5, 0.75)
"""Box (16, -8, 48, 40) of 64 pixels: shares 1/4, -1/8, 3/4, 5/8."""


def test_loss_by_hand() -> None:
    # Against (16, -4, 28, 40): errors 0, 1/16, 5/16, 0. Smooth L1 at 1/10: 0, (1/16)² / (2/10),
    # 5/16 - 1/20, 0; ten times their mean.
    box = head()
    truth = labelled((16, -4, 28, 40))
    raw = logit(*RAW).requires_grad_()
    loss = box.loss(raw, truth)
    assert loss.item() == pytest.approx(10 * (5 / 256 + 21 / 80) / 4)
    loss.backward()
    assert raw.grad is not None


def test_delta_in_pixels_by_hand() -> None:
    # Errors 0, 4, 20, 0 pixels. Huber at delta 10: 0, 4² / 2 = 8, 10 (20 - 5) = 150, 0 pixels².
    # The loss is that over delta times side, times 10.
    truth = labelled((16, -4, 28, 40))
    by_hand = (8 + 150) / 4
    loss = head(delta=10, delta_unit="pixel").loss(logit(*RAW), truth)
    assert loss.item() == pytest.approx(by_hand / (10 * 64) * 10)
    # At delta 20: 0, 8, 20² / 2 = 200, 0. The same as a share is 20 / 64.
    by_hand = (8 + 200) / 4 / (20 * 64) * 10
    assert head(delta=20, delta_unit="pixel").loss(logit(*RAW), truth).item() == pytest.approx(
        by_hand
    )
    assert head(delta=20 / 64).loss(logit(*RAW), truth).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("size", [32, 64, 96, 224, 512])
def test_the_loss_is_the_same_at_any_image_size(size: int) -> None:
    torch.manual_seed(1)
    raw, shares = torch.randn(9, 4, dtype=torch.float64), torch.rand(9, 4, dtype=torch.float64)
    losses = [
        head(image_size=side).loss(raw, Labelled(torch.arange(9), shares * side)).item()
        for side in (64, size)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    # Eight pixels of 64 are an eighth of any picture.
    eighth = head(image_size=size, delta=size / 8, delta_unit="pixel")
    assert eighth.delta == pytest.approx(1 / 8)


def test_every_raw_output_is_a_box_inside_the_picture() -> None:
    boxes = head().predict(torch.randn(200, 4) * 5)
    assert (boxes >= 0).all()
    assert (boxes <= 64).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_metrics_by_hand() -> None:
    box = head()
    metrics = box.make_metrics()
    assert metrics.compute() == {}
    # IoU 1 and 50 / 150; errors 0 and (5, 0, 5, 0).
    prediction = torch.tensor([[0.0, 0, 10, 10], [5.0, 0, 15, 10]])
    metrics.update(prediction[:1], labelled((0, 0, 10, 10)))
    metrics.update(prediction[1:], labelled((0, 0, 10, 10)))
    values = {name: value.item() for name, value in metrics.compute().items()}
    assert values == pytest.approx({"iou": 2 / 3, "mae": 1.25, "mse": 6.25, "recall50": 0.5})
    assert list(values) == ["iou", "mae", "mse", "recall50"]
    metrics.reset()
    assert metrics.compute() == {}


def test_metrics_come_in_the_order_asked_for() -> None:
    metrics = head(metrics=["mse", "iou"]).make_metrics()
    metrics.update(torch.tensor([[0.0, 0, 1, 1]]), labelled((0, 0, 1, 1)))
    assert list(metrics.compute()) == ["mse", "iou"]


@pytest.mark.slow
def test_learns_where_things_are() -> None:
    box = head(channels=4, hidden=32)
    boxes = [(0, 0, 20, 30), (40, 30, 64, 64), (10, 40, 50, 60)]
    features = {16: torch.randn(3, 6, 4, 4)}
    optimiser = torch.optim.Adam(box.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        box.loss(box(features), labelled(*boxes)).backward()
        optimiser.step()
    metrics = box.make_metrics()
    metrics.update(box.predict(box(features)), labelled(*boxes))
    assert metrics.compute()["iou"] > 0.9


def test_runs_under_bfloat16_autocast() -> None:
    box = head()
    with torch.autocast("cpu", torch.bfloat16):
        raw = box({8: torch.randn(2, 4, 8, 8), 16: torch.randn(2, 6, 4, 4)})
        assert raw.dtype == torch.bfloat16
        loss = box.loss(raw, labelled((0, 0, 9, 9), (5, 5, 60, 60)))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()


def test_way_back_to_the_original_image() -> None:
    box = head()
    frame = Frame(width=200, height=100, scale_x=0.5, scale_y=0.25)
    (prediction,) = box.unbatch(torch.tensor([[10.0, 5, 60, 20]]))
    back = box.to_original(prediction, frame)
    assert back.tolist() == [20, 20, 120, 80]
    assert box.record(back) == {"box": [20, 20, 100, 60]}
    canvas = np.zeros((100, 200, 3), np.uint8)
    assert box.draw(canvas, back)[50, 20].any()
    assert not canvas.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["recal50"]}, "box.metrics=recal50: did you mean recall50"),
        ({"delta": 0.0}, "box.delta=0.0: allowed: from 1e-06 up"),
        ({"delta": 10}, "box.delta=10: a share .* at most 1; box.delta_unit=pixel"),
        ({"delta_unit": "pixels"}, "box.delta_unit=pixels: did you mean pixel"),
        ({"hidden": 0}, "box.hidden=0: allowed: from 1 up"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        head(**options)


def test_yaml_holds_every_option() -> None:
    node = node_of("head", "box")
    defaults = {
        name: list(p.default) if isinstance(p.default, tuple) else p.default
        for name, p in inspect.signature(Box).parameters.items()
        if p.default is not inspect.Parameter.empty
    }
    framework = {"_target_": "mtl.model.head.box.Box", "kind": "boxes", "target": None}
    node = {key: value for key, value in node.items() if key not in DIRECTIONS}
    assert node == {**framework, "weight": 1.0, **defaults}
