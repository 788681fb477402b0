import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from detection_kit import STAGES, head, labelled, objects
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.ops import generalized_box_iou_loss

from mtl.config.measures import DIRECTIONS
from mtl.config.member_files import node_of
from mtl.data.batch import BoxBatch
from mtl.errors import UserError
from mtl.model.head.detection import Detection
from mtl.model.head.fcos_points import Points
from mtl.model.head.fcos_targets import assign
from mtl.model.head.losses import giou_loss

FOCAL_AT_ZERO = 0.75 * 0.25 * math.log(2)
"""Focal loss of a background point with logit 0: (1 - alpha) p^2 log 2."""


def random_objects(counts: Sequence[int], size: int, classes: int) -> BoxBatch:
    rng = np.random.default_rng(0)
    images = []
    for count in counts:
        corner = rng.uniform(0, size * 0.7, (count, 2))
        far = np.minimum(corner + rng.uniform(4, size, (count, 2)), size)
        labels = rng.integers(0, classes, (count, 1))
        images.append(np.concatenate((corner, far, labels, np.zeros((count, 1))), axis=1).tolist())
    return objects(*images)


def random_raw(n: int, points: int, classes: int, dtype: torch.dtype) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "cls_logits": torch.randn(n, points, classes, generator=generator, dtype=dtype) - 2,
        "bbox_regression": torch.rand(n, points, 4, generator=generator, dtype=dtype) * 4,
        "bbox_ctrness": torch.randn(n, points, 1, generator=generator, dtype=dtype),
    }


def anchors(points: Points) -> Tensor:
    half = points.stride[:, None] / 2
    return torch.cat((points.center - half, points.center + half), dim=1).double()


def torchvision_fcos(classes: int, **options: Any) -> FCOS:
    backbone = nn.Identity()
    backbone.out_channels = 32  # type: ignore[assignment]
    sizes = ((8,), (16,), (32,))
    generator = AnchorGenerator(sizes, ((1.0,),) * 3)
    return FCOS(
        backbone,
        classes,
        anchor_generator=generator,
        head=FCOSHead(32, 1, classes, 1),
        **options,
    )


LEVELS = [16 * 16, 8 * 8, 4 * 4]


def test_loss_equals_torchvision() -> None:
    detection = head(classes=3).double()
    boxes = random_objects([7, 0, 1, 12], size=128, classes=3)
    raw = random_raw(4, sum(LEVELS), 3, torch.float64)
    double = BoxBatch(boxes.xyxy.double(), boxes.labels, boxes.difficult)

    reference = torchvision_fcos(3).compute_loss(
        [
            {"boxes": double.xyxy[i][valid], "labels": double.labels[i][valid]}
            for i, valid in enumerate(double.valid)
        ],
        raw,
        [anchors(detection.points)] * 4,
        LEVELS,
    )
    assert assign(detection.points, double).foreground.sum() > 20
    expected = sum(reference.values())
    assert detection.loss(raw, labelled(double)).item() == pytest.approx(
        float(expected), rel=1e-9, abs=1e-6
    )


def test_predictions_equal_torchvision() -> None:
    detection = head(classes=3, candidates=2000, score_threshold=0.2, detections=60)
    raw = random_raw(3, sum(LEVELS), 3, torch.float32)
    reference = torchvision_fcos(
        3, score_thresh=0.2, detections_per_img=60, topk_candidates=2000
    ).postprocess_detections(
        {name: list(value.split(LEVELS, dim=1)) for name, value in raw.items()},
        [list(anchors(detection.points).split(LEVELS))] * 3,
        [(128, 128)] * 3,
    )
    ours = detection.predict(raw)
    for mine, theirs in zip(ours, reference, strict=True):
        assert len(mine) == 60
        torch.testing.assert_close(mine.scores, theirs["scores"])
        torch.testing.assert_close(mine.boxes, theirs["boxes"])
        assert torch.equal(mine.labels, theirs["labels"])


def test_only_the_best_candidates_go_into_suppression() -> None:
    raw = random_raw(1, sum(LEVELS), 3, torch.float32)
    every = head(candidates=10**6, nms=1.0, detections=10**6).predict(raw)[0]
    few = head(candidates=5, nms=1.0).predict(raw)[0]
    assert len(few) == 5
    torch.testing.assert_close(few.scores, every.scores[:5])
    assert every.scores.min() > 0.05


def test_an_untrained_head_believes_in_nothing_much() -> None:
    detection = head(channels=32, convs=1)
    features = {
        stage.stride: torch.randn(2, stage.channels, 128 // stage.stride, 128 // stage.stride)
        for stage in STAGES
    }
    raw = detection(features)
    assert raw["cls_logits"].shape == (2, 336, 3)
    assert raw["bbox_regression"].shape == (2, 336, 4)
    assert raw["bbox_ctrness"].shape == (2, 336, 1)
    assert raw["cls_logits"].sigmoid().mean().item() == pytest.approx(0.01, abs=0.005)


def raw_of_16_pixels(n: int, classes: int) -> dict[str, Tensor]:
    shapes = {"cls_logits": classes, "bbox_regression": 4, "bbox_ctrness": 1}
    return {name: torch.zeros(n, 4, last, requires_grad=True) for name, last in shapes.items()}


def one_level(classes: int, **options: Any) -> Detection:
    return head(classes, image_size=16, strides=[8], channels=32, convs=0, **options)


def test_images_without_objects_teach_background() -> None:
    raw = raw_of_16_pixels(2, 1)
    loss = one_level(1).loss(raw, labelled(objects([], [])))
    # Two images of four points each: the mean over the images.
    assert loss.item() == pytest.approx(4 * FOCAL_AT_ZERO)
    loss.backward()
    assert raw["bbox_regression"].grad is not None


def test_class_weights_scale_the_focal_loss() -> None:
    loss = one_level(2, class_weights=[1, 3]).loss(raw_of_16_pixels(1, 2), labelled(objects([])))
    assert loss.item() == pytest.approx(4 * (1 + 3) * FOCAL_AT_ZERO)


def test_one_object_by_hand() -> None:
    # One foreground point of four. The predicted box is the point itself: IoU 0 and the enclosing
    # box is the object, so GIoU = 0 - (64 - 64) / 64 and its loss is 1. Centerness is 1: log 2.
    loss = one_level(1).loss(raw_of_16_pixels(1, 1), labelled(objects([(0, 0, 8, 8, 0, 0)])))
    positive = 0.25 * 0.25 * math.log(2)
    assert loss.item() == pytest.approx(positive + 3 * FOCAL_AT_ZERO + 1 + math.log(2), rel=1e-5)


def test_difficult_objects_teach_nothing() -> None:
    raw = raw_of_16_pixels(1, 1)
    loss = one_level(1).loss(raw, labelled(objects([(0, 0, 8, 8, 0, 1)])))
    assert loss.item() == pytest.approx(3 * FOCAL_AT_ZERO)
    loss.backward()
    gradient = raw["cls_logits"].grad
    assert gradient is not None
    assert (gradient[0, :, 0] != 0).tolist() == [False, True, True, True]


def test_padding_changes_nothing() -> None:
    detection = head()
    raw = random_raw(2, sum(LEVELS), 3, torch.float32)
    boxes = random_objects([3, 5], 128, 3)
    wider = random_objects([3, 5, 40], 128, 3)[:2]
    assert wider.labels.shape[1] == 40
    torch.testing.assert_close(
        detection.loss(raw, labelled(boxes)), detection.loss(raw, labelled(wider))
    )


def test_runs_under_bfloat16_autocast() -> None:
    detection = head(channels=32, convs=1)
    features = {
        stage.stride: torch.randn(2, stage.channels, 128 // stage.stride, 128 // stage.stride)
        for stage in STAGES
    }
    with torch.autocast("cpu", torch.bfloat16):
        raw = detection(features)
        assert raw["cls_logits"].dtype == torch.bfloat16
        loss = detection.loss(raw, labelled(random_objects([4, 2], 128, 3)))
        predicted = detection.predict(raw)
    loss.backward()
    assert loss.dtype == predicted[0].boxes.dtype == torch.float32
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in detection.parameters())


@pytest.mark.slow
def test_learns_two_images_by_heart() -> None:
    detection = head(2, image_size=64, strides=[8, 16], channels=32, convs=1)
    boxes = objects([(8, 8, 40, 32, 0, 0), (36, 40, 60, 64, 1, 0)], [(20, 4, 60, 60, 1, 0)])
    features = {8: torch.randn(2, 16, 8, 8), 16: torch.randn(2, 24, 4, 4)}
    optimiser = torch.optim.Adam(detection.parameters(), lr=3e-3)
    for _ in range(120):
        optimiser.zero_grad()
        detection.loss(detection(features), labelled(boxes)).backward()
        optimiser.step()
    metrics = detection.make_metrics()
    metrics.update(detection.predict(detection(features)), labelled(boxes))
    assert metrics.compute()["map50"] == 1


def test_strides_not_on_offer_are_dropped() -> None:
    assert head(strides=[64, 32, 16]).strides == (16, 32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"strides": [64]},
            r"strides=\[64\]: not on offer; allowed: 4, 8, 16, 32",
        ),
        ({"channels": 48}, "detection.channels=48: allowed: multiples of 32"),
        ({"class_weights": [1, 2]}, "class_weights has 2 numbers, but there are 3 classes"),
        ({"metrics": ["map5"]}, "detection.metrics=map5: did you mean map50"),
        ({"metrics": []}, "name at least one of map, map50, recall"),
        ({"nms": 1.5}, "detection.nms=1.5: allowed: 0 to 1"),
        ({"candidates": 0}, "detection.candidates=0: allowed: from 1 up"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        head(**options)


def test_yaml_holds_every_option() -> None:
    node = node_of("head", "detection")
    defaults = {
        name: list(p.default) if isinstance(p.default, tuple) else p.default
        for name, p in inspect.signature(Detection).parameters.items()
        if p.default is not inspect.Parameter.empty
    }
    framework = {"_target_": "mtl.model.head.detection.Detection", "kind": "boxes", "target": None}
    node = {key: value for key, value in node.items() if key not in DIRECTIONS}
    assert node == {**framework, "weight": 1.0, **defaults}


def test_overlap_loss_is_torchvisions() -> None:
    corners = torch.rand(200, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    boxes = torch.cat([corners[..., :2], corners[..., :2] + corners[..., 2:]], -1)
    first, second = boxes.unbind(1)
    first.requires_grad_()
    ours, theirs = giou_loss(first, second), generalized_box_iou_loss(first, second)
    torch.testing.assert_close(ours, theirs)
    (found,), (wanted,) = (torch.autograd.grad(loss.sum(), first) for loss in (ours, theirs))
    torch.testing.assert_close(found, wanted)


def test_boxes_begin_with_a_size_and_go_on_learning() -> None:
    """A ReLU ends the branch of the sides, and those that are 0 everywhere would stay so."""
    torch.manual_seed(0)
    features = {
        stage.stride: torch.randn(2, stage.channels, 128 // stage.stride, 128 // stage.stride)
        for stage in STAGES
    }
    boxes = objects([[20, 30, 60, 90, 0, 0]], [[50, 10, 120, 70, 1, 0]])
    for seed in range(3):
        detection = head()
        torch.manual_seed(seed)
        for layer in detection.outputs.regression_head.children():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
        raw = detection(features)
        assert (raw["bbox_regression"] > 0).all()
        detection.loss(raw, labelled(boxes)).backward()
        bias = detection.outputs.regression_head.bbox_reg.bias.grad
        assert bias is not None
        assert (bias != 0).all()
