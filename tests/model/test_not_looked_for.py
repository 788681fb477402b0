"""Detection where some classes were not looked for in some images."""

import math
from dataclasses import replace

import pytest
import torch
from detection_kit import found, labelled, objects
from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.data.sample import Boxes, Target
from mtl.model.backbone.base import Stage
from mtl.model.curves.detection import DetectionCurves
from mtl.model.head.detection import Detection
from mtl.model.head.detection_metrics import DetectionMetrics
from mtl.model.samples.columns import detection_columns

CLASSES = ("cat", "dog", "cow")
CAT = (0, 0, 8, 8, 0, 0)
DOG = (0, 0, 8, 8, 1, 0)
BACKGROUND = 0.75 * 0.25 * math.log(2)
"""Focal loss of a background point with logit 0: (1 - alpha) p^2 log 2."""


def partly(boxes: BoxBatch, *looked_for: tuple[int, ...]) -> BoxBatch:
    return replace(boxes, looked_for=torch.tensor(looked_for, dtype=torch.bool))


def loss_and_gradient(truth: BoxBatch) -> tuple[float, Tensor]:
    """Of logits 0 at the four points of a picture of 16 pixels; gradients (n, 4, 3)."""
    head = Detection(
        target=Target("boxes", CLASSES),
        stages=(Stage("b", 16, 8),),
        image_size=16,
        strides=[8],
        channels=32,
        convs=0,
    )
    raw = {
        "cls_logits": torch.zeros(len(truth), 4, 3, requires_grad=True),
        "bbox_regression": torch.ones(len(truth), 4, 4),
        "bbox_ctrness": torch.zeros(len(truth), 4, 1),
    }
    loss = head.loss(raw, labelled(truth))
    loss.backward()
    gradient = raw["cls_logits"].grad
    assert gradient is not None
    return loss.item(), gradient


def test_a_class_that_was_not_looked_for_is_no_background() -> None:
    truth = partly(objects([CAT], []), (1, 0, 1), (0, 1, 0))
    loss, gradient = loss_and_gradient(truth)
    assert (gradient[0, :, 1] == 0).all()
    assert (gradient[1][:, [0, 2]] == 0).all()
    assert (gradient[0][:, [0, 2]] != 0).all()
    assert (gradient[1, :, 1] != 0).all()
    # The cat's point, whose box is four times as large as the cat inside it, seven other terms of
    # the two classes of its image, and four of the other's; over two images.
    positive = 0.25 * 0.25 * math.log(2)
    expected = positive + (7 + 4) * BACKGROUND + 0.75 + math.log(2)
    assert loss == pytest.approx(expected / 2, rel=1e-5)


def test_an_object_of_such_a_class_is_learnt_and_says_nothing_of_other_points() -> None:
    _, gradient = loss_and_gradient(partly(objects([DOG]), (1, 0, 1)))
    assert (gradient[0, :, 1] != 0).tolist() == [True, False, False, False]
    assert gradient[0, 0, 1] < 0


def test_images_in_which_nothing_was_looked_for_do_not_count() -> None:
    alone, _ = loss_and_gradient(objects([]))
    beside, gradient = loss_and_gradient(partly(objects([], []), (1, 1, 1), (0, 0, 0)))
    assert alone == pytest.approx(12 * BACKGROUND)
    assert beside == pytest.approx(alone)
    assert (gradient[1] == 0).all()


def test_all_looked_for_is_as_if_nothing_was_said() -> None:
    boxes = objects([CAT], [DOG])
    assert loss_and_gradient(partly(boxes, (1, 1, 1), (1, 1, 1)))[0] == loss_and_gradient(boxes)[0]


def measure(predictions: list[tuple[float, ...]], truth: BoxBatch) -> dict[str, float]:
    metrics = DetectionMetrics(["map", "map50", "recall"], CLASSES, per_class=True)
    metrics.update([found(*predictions)], labelled(truth))
    return {name: value.item() for name, value in metrics.compute().items()}


def test_predictions_of_a_class_that_was_not_looked_for_change_nothing() -> None:
    truth = partly(objects([CAT, (8, 8, 16, 16, 2, 0)]), (1, 0, 1))
    said = [(0.0, 0, 8, 8, 0, 0.9), (8.0, 8, 16, 12, 2, 0.8)]
    without = measure(said, truth)
    assert without["map_cat"] == pytest.approx(1)
    assert measure([*said, (0, 0, 8, 8, 1, 0.99), (4, 4, 9, 9, 1, 0.7)], truth) == without
    assert "map_dog" not in without
    assert measure([(4, 4, 9, 9, 0, 0.95), *said], truth)["map_cat"] == pytest.approx(0.5)


def test_of_objects_that_are_annotated_nevertheless_a_detection_counts() -> None:
    truth = partly(objects([DOG]), (1, 0, 1))
    values = measure([(8, 8, 16, 16, 1, 0.95), (0, 0, 8, 8, 1, 0.9)], truth)
    assert values["map_dog"] == pytest.approx(1)
    # A second detection of the same dog is a false alarm as ever.
    twice = [(0, 0, 8, 8, 1, 0.95), (0, 0, 8, 7, 1, 0.9)]
    both = objects([DOG, (8, 8, 16, 16, 1, 0)])
    assert measure([*twice, (8, 8, 16, 16, 1, 0.8)], partly(both, (1, 0, 1))) == measure(
        [*twice, (8, 8, 16, 16, 1, 0.8)], both
    )


def test_without_objects_there_is_no_precision_rather_than_none_of_it() -> None:
    assert measure([(0, 0, 8, 8, 1, 0.9)], partly(objects([]), (1, 0, 1))) == {}


def test_curves_and_kept_samples_leave_them_out_too() -> None:
    truth = labelled(partly(objects([CAT]), (1, 0, 1)))
    prediction = [found((0, 0, 8, 8, 1, 0.95), (0, 0, 8, 8, 0, 0.9))]
    curves = DetectionCurves(CLASSES, 0.5)
    curves.update(prediction, truth)
    assert curves.matched()[0]["label"].tolist() == [0]
    assert detection_columns(prediction, truth, 3, 16)["label"].tolist() == [0]


def test_how_many_there_are_of_a_class_is_unknown() -> None:
    target = Target("boxes", CLASSES)
    numbers = target.kind.numbers(partly(objects([CAT], []), (1, 0, 1), (1, 1, 1)), target)
    torch.testing.assert_close(
        numbers, torch.tensor([[1, torch.nan, 0], [0, 0, 0]]), equal_nan=True
    )


def test_the_list_has_to_fit_the_classes() -> None:
    boxes = replace(Boxes.empty(), looked_for=torch.ones(2, dtype=torch.bool).numpy())
    assert Target("boxes", ("a", "b")).exact(boxes).looked_for is None
    boxes.looked_for[0] = False  # type: ignore[index]
    with pytest.raises(ValueError, match=r"in the shape \(2,\) whether .*; there are 3"):
        Target("boxes", CLASSES).exact(boxes)
