"""Curves of detections: COCO's evaluation on random ones, and numbers worked out by hand."""

import numpy as np
import pytest
import torch

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.sample import Boxes
from mtl.model.curves.coco import OVERLAPS, RECALLS
from mtl.model.curves.detection import DetectionCurves
from mtl.model.curves.matching import overlaps, same_class
from mtl.model.head.detection_metrics import DetectionMetrics
from mtl.model.head.detections import Detections

CLASSES = ("cat", "dog")


def objects(*rows: tuple[float, ...], difficult: tuple[int, ...] = ()) -> Boxes:
    """x1, y1, x2, y2, class each."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    marked = np.isin(np.arange(len(rows)), difficult)
    return Boxes(table[:, :4], table[:, 4].astype(np.int64), marked)


def found(*rows: tuple[float, ...]) -> Detections:
    """x1, y1, x2, y2, class, score each, best first."""
    table = torch.tensor(rows).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 5], table[:, 4].long())


def labelled(*images: Boxes) -> Labelled:
    return Labelled(torch.arange(len(images)), BoxBatch.collate(list(images)))


def random_images(count: int = 25) -> tuple[list[Detections], Labelled]:
    """Detections near the objects, some far off, some of the wrong class, with scores that tie."""
    rng = np.random.default_rng(0)
    detected, truth = [], []
    for _ in range(count):
        corner = rng.uniform(0, 60, (rng.integers(0, 5), 2))
        xyxy = np.concatenate([corner, corner + rng.uniform(8, 30, corner.shape)], 1)
        label = rng.integers(0, 2, len(xyxy))
        truth.append(Boxes(xyxy.astype(np.float32), label, rng.random(len(xyxy)) < 0.1))
        near = np.repeat(xyxy, 2, axis=0) + rng.normal(0, 2.5, (2 * len(xyxy), 4))
        wrong = rng.random(len(near)) < 0.2
        labels = np.where(wrong, 1 - np.repeat(label, 2), np.repeat(label, 2))
        scores = rng.random(len(near)).round(2)
        order = np.argsort(-scores, kind="stable")
        detected.append(
            Detections(
                torch.tensor(near[order], dtype=torch.float32),
                torch.tensor(scores[order], dtype=torch.float32),
                torch.tensor(labels[order]),
            )
        )
    return detected, labelled(*truth)


def test_thresholds_are_those_of_torchmetrics() -> None:
    """To the last digit: recalls such as 1 / 10 are compared with them."""
    assert torch.linspace(0.5, 0.95, 10).tolist() == OVERLAPS.tolist()
    assert torch.linspace(0.0, 1.0, 101).tolist() == RECALLS.tolist()


def test_average_precision_is_that_of_coco() -> None:
    detected, labels = random_images()
    curves, metrics = DetectionCurves(CLASSES, 0.5), DetectionMetrics(["map50"], CLASSES, False)
    curves.update(detected, labels)
    metrics.update(detected, labels)
    entry = curves.compute()["pr"]
    assert entry["all"]["ap"] == pytest.approx(float(metrics.compute()["map50"]), abs=1e-6)
    assert entry["all"]["ap"] == pytest.approx(np.mean([entry[name]["ap"] for name in CLASSES]))
    for name in CLASSES:
        assert np.mean(entry[name]["precision"]) == pytest.approx(entry[name]["ap"], abs=1e-5)
        assert (np.diff(entry[name]["threshold"]) <= 0).all()


def test_the_best_detection_chooses_first() -> None:
    """Two detections of one object, the second closer: it is left without."""
    boxes = np.array([[0, 0, 10, 8], [0, 0, 10, 10]], np.float32)
    there = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    assert overlaps(boxes, there).tolist() == [[0.8, 0], [1, 0]]
    places = same_class(
        overlaps(boxes, there), np.array([0, 0]), np.array([0, 1]), np.array([0.5, 0.9])
    )
    # At IoU 0.9 the first has nothing, and the second takes the object.
    assert places.tolist() == [[0, -1], [-1, 0]]


def test_confusion_and_table_by_hand() -> None:
    """A cat found, a cat taken for a dog, a dog missed, a dog seen in nothing; one not sure."""
    truth = objects((0, 0, 10, 10, 0), (20, 0, 30, 10, 0), (40, 0, 50, 10, 1))
    detected = found(
        (0, 0, 10, 10, 0, 0.9),
        (20, 0, 30, 10, 1, 0.8),
        (70, 70, 80, 80, 1, 0.7),
        (40, 0, 50, 10, 1, 0.4),
    )
    curves = DetectionCurves(CLASSES, 0.5)
    assert curves.compute() == {}
    curves.update([detected, found()], labelled(truth, Boxes.empty()))
    result = curves.compute()
    assert result["confusion"] == {
        "classes": ["cat", "dog", "background"],
        "counts": [[1, 1, 0], [0, 0, 1], [0, 1, 0]],
    }
    cat, dog = result["per_class"]
    assert (cat["precision"], cat["recall"], cat["support"]) == (1, 0.5, 2)
    assert (dog["precision"], dog["recall"], dog["f1"], dog["support"]) == (0, 0, 0, 1)
    # Half of the cats at precision 1: 51 of 101 recalls; the dog after two wrong ones.
    assert cat["ap50"] == pytest.approx(51 / 101)
    assert dog["ap50"] == pytest.approx(1 / 3)
    # Of the cats' detections none is wrong; of the dogs' the right one scores least.
    assert result["roc"].keys() == {"all", "dog"}
    assert result["roc"]["dog"]["auc"] == 0


def test_difficult_objects_neither_help_nor_hurt() -> None:
    truth = objects((0, 0, 10, 10, 0), (20, 0, 30, 10, 0), difficult=(1,))
    detected = found((20, 0, 30, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.8))
    curves = DetectionCurves(CLASSES, 0.5)
    curves.update([detected], labelled(truth))
    result = curves.compute()
    assert result["confusion"]["counts"] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert result["pr"].keys() == {"all", "cat"}
    assert result["pr"]["cat"]["ap"] == 1
    assert result["per_class"][1]["ap50"] is None
    assert "roc" not in result
