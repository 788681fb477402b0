"""What metrics come to without a look at the images, by the metrics themselves."""

import numpy as np
import pytest
import torch

from mtl.data.batch import Labelled
from mtl.model.curves.chance import of_classes, of_labels, of_pixels
from mtl.model.head.classification import METRICS, ClassificationMetrics
from mtl.model.head.multilabel import MultilabelMetrics
from mtl.model.head.segmentation import SegmentationMetrics

CLASSES = ("a", "b", "c", "d")


def labelled(truth: torch.Tensor) -> Labelled:
    return Labelled(torch.arange(len(truth)), truth)


def test_always_the_commonest_class() -> None:
    """Five of ten images are b; d never occurs."""
    truth = torch.tensor([0, 0, 1, 1, 1, 1, 1, 2, 2, 2])
    metrics = ClassificationMetrics(CLASSES, METRICS, per_class=False)
    metrics.update(torch.tensor([[0.1, 0.7, 0.1, 0.1]]).repeat(10, 1), labelled(truth))
    found = of_classes(np.array([2, 5, 3, 0]))
    assert found == {"accuracy": 0.5, "balanced_accuracy": pytest.approx(1 / 3), "auroc": 0.5}
    assert {name: float(value) for name, value in metrics.compute().items()} == pytest.approx(found)


def test_always_the_ground() -> None:
    """Six of eight pixels: an IoU of 6 / 8 for the ground and 0 for the thing."""
    truth = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1]]], dtype=torch.uint8)
    metrics = SegmentationMetrics(CLASSES[:2], ("miou", "pixel_accuracy"), per_class=False)
    metrics.update(
        torch.tensor([0.9, 0.1])[None, :, None, None].expand(1, 2, 2, 4), labelled(truth)
    )
    found = of_pixels(np.array([6, 2]))
    assert found == {"miou": 0.375, "pixel_accuracy": 0.75}
    assert {name: float(value) for name, value in metrics.compute().items()} == pytest.approx(found)


def test_labels_in_any_order() -> None:
    """All scores equal: precision is the share of the images that have the class."""
    truth = torch.tensor([[1, 0], [0, 0], [1, 1], [0, -1]])
    metrics = MultilabelMetrics(CLASSES[:2], ("map",), per_class=False)
    metrics.update(torch.full((4, 2), 0.5), labelled(truth))
    found = of_labels(np.array([2, 1]), np.array([4, 3]))
    assert found == {"map": pytest.approx((1 / 2 + 1 / 3) / 2)}
    assert float(metrics.compute()["map"]) == pytest.approx(found["map"])
