"""COCO's metrics on detections worked out by hand."""

from collections.abc import Sequence

import pytest
import torch
from detection_kit import found, labelled, objects

from mtl.data.batch import BoxBatch
from mtl.model.head.detection_metrics import DetectionMetrics
from mtl.model.head.detections import Detections

ONE = (0, 0, 100, 100, 0, 0)


def measure(
    predictions: Sequence[Detections], truth: BoxBatch, per_class: bool = False
) -> dict[str, float]:
    metrics = DetectionMetrics(["map", "map50", "recall"], ["red cell", "white cell"], per_class)
    metrics.update(list(predictions), labelled(truth))
    return {
        name: pytest.approx(value.item(), abs=1e-6) for name, value in metrics.compute().items()
    }


def test_metrics_by_hand() -> None:
    assert measure([found((0, 0, 100, 100, 0, 0.9))], objects([ONE])) == {
        "map": 1,
        "map50": 1,
        "recall": 1,
    }
    # IoU 0.62 reaches the thresholds 0.5, 0.55 and 0.6 of ten.
    assert measure([found((0, 0, 62, 100, 0, 0.9))], objects([ONE])) == {
        "map": 0.3,
        "map50": 1,
        "recall": 0.3,
    }
    # Half of the objects found, at precision 1: 51 of COCO's 101 recall levels.
    half = measure(
        [found((0, 0, 100, 100, 0, 0.9), (0, 0, 10, 10, 0, 0.8)), found()], objects([ONE], [ONE])
    )
    assert half == {"map": 51 / 101, "map50": 51 / 101, "recall": 0.5}


def test_metrics_per_class() -> None:
    boxes = objects([ONE, (120, 0, 220, 100, 1, 0)])
    values = measure([found((0, 0, 100, 100, 0, 0.9))], boxes, per_class=True)
    assert values == {
        "map": 0.5,
        "map50": 0.5,
        "recall": 0.5,
        "map_red cell": 1,
        "map_white cell": 0,
    }
    only_one = measure([found((0, 0, 100, 100, 0, 0.9))], objects([ONE]), per_class=True)
    assert "map_white cell" not in only_one


DIFFICULT = (200, 0, 300, 100, 0, 1)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param([], id="missed"),
        pytest.param([(200, 0, 300, 100, 0, 0.95)], id="found"),
        pytest.param([(200, 0, 255, 100, 0, 0.95)], id="found at IoU 0.55"),
        pytest.param([(200, 0, 300, 100, 0, 0.95), (200, 0, 300, 90, 0, 0.94)], id="found twice"),
    ],
)
def test_difficult_objects_change_nothing(extra: list[tuple[float, ...]]) -> None:
    detections = [(0, 0, 62, 100, 0, 0.9), (400, 0, 500, 100, 0, 0.99)]
    without = measure([found(*detections)], objects([ONE]))
    assert without["map50"] == 0.5  # the better of the two is wrong
    assert measure([found(*detections, *extra)], objects([ONE, DIFFICULT])) == without


def test_a_small_box_inside_a_difficult_object_is_wrong() -> None:
    # COCO's crowd rule would forgive it: all of its area lies inside.
    detections = [(200, 0, 240, 100, 0, 0.95), (0, 0, 100, 100, 0, 0.9)]
    assert measure([found(*detections)], objects([ONE, DIFFICULT]))["map50"] == 0.5


def test_another_class_on_a_difficult_object_is_wrong() -> None:
    boxes = objects([(0, 0, 100, 100, 1, 0), DIFFICULT])
    detections = found((200, 0, 300, 100, 1, 0.95), (0, 0, 100, 100, 1, 0.9))
    assert measure([detections], boxes)["map50"] == 0.5


def test_metrics_without_anything_to_measure() -> None:
    metrics = DetectionMetrics(["map", "recall"], ["a"], per_class=True)
    assert metrics.compute() == {}
    metrics.reset()
    metrics.update([found((0, 0, 9, 9, 0, 0.5)), found()], labelled(objects([], [])))
    assert metrics.compute() == {}
    metrics.reset()
    metrics.update([found((0, 0, 100, 100, 0, 0.5))], labelled(objects([ONE])))
    assert list(metrics.compute()) == ["map", "recall", "map_a"]
    metrics.reset()
    assert metrics.compute() == {}


def test_metrics_are_silent(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    many = found(*[(i, 0, i + 10, 10, 0, 0.5) for i in range(150)])
    measure([many], objects([ONE]))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert caplog.records == []


def test_metrics_gather_from_ranks_with_different_numbers_of_images() -> None:
    truth = [objects([ONE]), objects([ONE], [], [(9, 9, 50, 50, 1, 0)]), None]
    predictions = [
        [found((0, 0, 100, 100, 0, 0.9))],
        [found((0, 0, 62, 100, 0, 0.8)), found(), found((9, 9, 50, 50, 1, 0.3))],
        [],
    ]
    ranks = [DetectionMetrics(["map"], ["a", "b"], False)._precision for _ in truth]
    for rank, prediction, boxes in zip(ranks, predictions, truth, strict=True):
        if boxes is not None:
            rank.update(prediction, boxes)
    columns = iter(
        [[torch.cat([torch.zeros(0), *getattr(r, s)]) for r in ranks] for s in ranks[0]._reductions]
    )
    ranks[0].sync(
        dist_sync_fn=lambda _value, group: next(columns),
        process_group=object(),
        distributed_available=lambda: True,
    )
    # Class b: 1. Class a at 0.65 and above: 51 of 101 recall levels, below: 1.
    expected = (1 + (3 + 7 * 51 / 101) / 10) / 2
    ranks[0]._to_sync = False  # it is synced already
    assert ranks[0].compute()["map"].item() == pytest.approx(expected, abs=1e-6)
