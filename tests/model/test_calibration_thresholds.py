"""Thresholds: by hand, scikit-learn's on random scores, and what heads do with them."""

import numpy as np
import pytest
import torch
from detection_kit import found, labelled, objects

from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.calibration.detection import DetectionCalibrator
from mtl.model.calibration.multilabel import MultilabelCalibrator
from mtl.model.calibration.thresholds import ChosenThreshold, choose
from mtl.model.calibration.values import Aim, TaskCalibration
from mtl.model.head.detection import Detection
from mtl.model.head.multilabel import Multilabel

SCORES = np.array([0.3, 0.9, 0.1, 0.6, 0.8], np.float32)
RIGHT = np.array([True, True, False, True, False])


def chosen(aim: Aim, support: int = 3) -> ChosenThreshold:
    return choose("a", SCORES, RIGHT, support=support, usual=0.5, aim=aim)


def test_by_hand() -> None:
    """From the highest down right, wrong, right, right, wrong: F1 is 1/2, 2/5, 2/3, 6/7, 3/4."""
    best = chosen(Aim())
    assert best.threshold == pytest.approx(0.2)  # half way from 0.3 to 0.1
    assert (best.precision, best.recall, best.f1) == (3 / 4, 1, pytest.approx(6 / 7))
    assert best.usual_f1 == pytest.approx(2 / 3)
    sure = chosen(Aim(precision=1.0))
    assert sure.threshold == pytest.approx(0.85)
    assert (sure.precision, sure.recall) == (1, pytest.approx(1 / 3))
    # A missed one counts: 3 / 4 is reached with 3 of 4.
    assert chosen(Aim(precision=0.75), support=4).recall == 3 / 4


def test_what_keeps_the_usual_threshold_says_why() -> None:
    none = choose("a", [0.9, 0.1], [False, False], support=0, usual=0.5, aim=Aim())
    assert (none.threshold, none.note, none.recall) == (0.5, "none in this split", None)
    missed = choose("a", [], [], support=2, usual=0.5, aim=Aim())
    assert (missed.note, missed.precision, missed.f1) == ("none is found", None, 0)
    low = choose("a", [0.9, 0.8], [False, True], support=1, usual=0.4, aim=Aim(precision=0.9))
    assert (low.threshold, low.note) == (0.4, "no threshold reaches precision 0.9")
    assert low.f1 == pytest.approx(2 / 3)


def test_neighbouring_numbers_are_told_apart() -> None:
    high = np.float32(0.7)
    low = np.nextafter(high, np.float32(0))
    best = choose("a", np.array([high, low]), [True, False], support=1, usual=0.5, aim=Aim())
    assert best.f1 == 1
    assert np.float32(best.threshold) == high


def test_no_threshold_is_better() -> None:
    """scikit-learn tries them all."""
    from sklearn.metrics import precision_recall_curve

    draw = np.random.default_rng(0)
    for _ in range(20):
        right = draw.random(60) < 0.4
        scores = (draw.random(60) + 0.4 * right).round(1).astype(np.float32) / 2
        support = int(right.sum())
        precision, recall, thresholds = precision_recall_curve(right, scores)
        f1 = 2 * precision * recall / (precision + recall).clip(1e-9)
        best = choose("a", scores, right, support=support, usual=0.5, aim=Aim())
        assert best.f1 == pytest.approx(f1.max())
        above = thresholds[thresholds >= best.threshold].min()
        at = f1[:-1][thresholds == above]
        assert at == pytest.approx(best.f1)
        sure = choose("a", scores, right, support=support, usual=0.5, aim=Aim(precision=0.6))
        reached = recall[:-1][precision[:-1] >= 0.6]
        assert sure.recall == (pytest.approx(reached.max()) if len(reached) else sure.recall)
        assert bool(sure.note) == (len(reached) == 0)


def test_classes_of_multilabel() -> None:
    """c is never there, d always, and what isn't known of a doesn't count."""
    scores = torch.tensor([[0.9, 0.2, 0.5, 0.9], [0.4, 0.1, 0.4, 0.9], [0.8, 0.3, 0.3, 0.9]])
    truth = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 1], [-1, 1, 0, 1]], dtype=torch.int8)
    calibrator = MultilabelCalibrator("abcd", 0.5)
    calibrator.update(scores, Labelled(torch.arange(3), truth))
    fitted = calibrator.fit(Aim())
    assert fitted is not None
    assert [one.f1 for one in fitted.thresholds] == [1, 1, 0, 1]
    assert [one.support for one in fitted.thresholds] == [1, 2, 0, 3]
    notes = [one.note for one in fitted.thresholds]
    assert notes == ["", "", "none in this split", "on all images of this split"]
    assert fitted.calibration.thresholds.keys() == {"a", "b"}
    # Of probabilities at the temperature.
    assert fitted.temperature is not None
    tempered = fitted.temperature.value
    head = multilabel(TaskCalibration(tempered, fitted.calibration.thresholds))
    said = [head.record(row)["labels"] for row in head.unbatch(head.tempered(scores))]
    assert [[name for name in row if name in "ab"] for row in said][0::2] == [["a", "b"]] * 2


def test_detections_by_hand() -> None:
    """Of cats 0.9 is one, 0.4 is nothing, 0.3 is another one; dogs are missed."""
    truth = objects([(0, 0, 10, 10, 0, 0), (20, 0, 30, 10, 0, 0)], [(0, 0, 9, 9, 1, 0)])
    detected = [
        found((0, 0, 10, 10, 0, 0.9), (50, 50, 60, 60, 0, 0.4), (20, 0, 30, 10, 0, 0.3)),
        found(),
    ]
    calibrator = DetectionCalibrator(("cat", "dog"), 0.5, 0.1, note="no logit")
    assert calibrator.fit(Aim()) is None
    calibrator.update(detected, labelled(truth))
    fitted = calibrator.fit(Aim())
    assert fitted is not None
    cat, dog = fitted.thresholds
    assert cat.threshold == pytest.approx(0.2)  # half way from 0.3 to the lowest that is kept
    assert (cat.f1, cat.usual_f1) == (pytest.approx(4 / 5), pytest.approx(2 / 3))
    assert (dog.threshold, dog.note) == (0.5, "none is found")
    assert fitted.temperature is None
    assert fitted.calibration == TaskCalibration(1.0, {"cat": cat.threshold})


def multilabel(calibration: TaskCalibration) -> Multilabel:
    stages = (Stage("a", 8, 4),)
    head = Multilabel(target=Target("labels", tuple("abcd")), stages=stages, image_size=16)
    head.calibration = calibration
    return head


def test_multilabel_decides_by_its_thresholds() -> None:
    """So do metrics and tables; the mean average precision stays."""
    scores = torch.tensor([[0.6, 0.3, 0.6, 0.2], [0.2, 0.1, 0.4, 0.8]])
    truth = Labelled(torch.arange(2), torch.tensor([[0, 1, 1, 0], [1, 0, 0, 1]]).byte())
    own = {"a": 0.7, "b": 0.3, "d": 0.15}
    results = []
    for calibration in (TaskCalibration(), TaskCalibration(thresholds=own)):
        head = multilabel(calibration)
        metrics, curves = head.make_metrics(), head.make_curves()
        metrics.update(scores, truth)
        curves.update(scores, truth)
        table = {row["class"]: row["f1"] for row in curves.compute()["per_class"]}
        results.append((metrics.compute(), table))
    row = scores[0].numpy()
    assert head.record(row)["labels"] == ["b", "c", "d"]
    assert head.captions(row) == ["c 0.60", "b 0.30", "d 0.20"]
    (before, _), (after, table) = results
    assert before["map"] == after["map"]
    assert before["f1"] == pytest.approx((0 + 0 + 1 + 1) / 4)
    assert after["f1"] == pytest.approx((0 + 1 + 1 + 2 / 3) / 4)
    assert table == pytest.approx({"a": 0, "b": 1, "c": 1, "d": 2 / 3})


def test_detection_draws_by_its_thresholds() -> None:
    stages = (Stage("a", 8, 8),)
    head = Detection(
        target=Target("boxes", ("cat", "dog")), stages=stages, image_size=64, channels=32
    )
    head.calibration = TaskCalibration(thresholds={"dog": 0.2})
    canvas = np.zeros((64, 64, 3), np.uint8)
    assert not head.draw(canvas, found((10, 10, 50, 50, 0, 0.3))).any()
    assert head.draw(canvas, found((10, 10, 50, 50, 1, 0.3))).any()
    assert not head.draw(canvas, found((10, 10, 50, 50, 1, 0.1))).any()
    assert not head.draw(canvas, found()).any()
    curves = head.make_curves()
    truth = objects([(10, 10, 50, 50, 0, 0), (0, 0, 9, 9, 1, 0)])
    curves.update([found((10, 10, 50, 50, 0, 0.3), (0, 0, 9, 9, 1, 0.3))], labelled(truth))
    assert [row["recall"] for row in curves.compute()["per_class"]] == [0, 1]
