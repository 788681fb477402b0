"""What every head has to do around its network: metrics, records, pictures and the way back."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from contracts_kit import (
    SIZE,
    alone,
    build,
    config,
    data,
    every,
    labelled_only,
    node,
    subject,
    tensors,
)
from omegaconf import OmegaConf

from mtl.config.instantiate import container
from mtl.config.measures import measure_of
from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.tile import Tile
from mtl.drawing.curves.pictures import pictures
from mtl.errors import UserError
from mtl.learning.module import MultiTaskModule
from mtl.model.calibration.values import Aim, TaskCalibration
from mtl.model.samples.ids import packed
from mtl.runs.calibration.writing import entry
from mtl.runs.samples import KeptSamples

FRAME = Frame(width=50, height=40, scale_x=SIZE / 50, scale_y=SIZE / 40)
"""Of a picture that was stretched to the network's square."""
ENTRIES: dict[str, set[str]] = {
    "confusion": {"classes", "counts"},
    "per_class": {"class", "precision", "recall", "f1", "support"},
    "roc": {"fpr", "tpr", "auc"},
    "pr": {"recall", "precision", "ap"},
    "success": {"iou", "recall", "area"},
    "calibration": {"confidence", "accuracy", "count", "ece"},
    "scatter": {"truth", "predicted", "r2"},
    "chance": set(),
}
"""What a task may have in curves/test.json."""


@pytest.fixture(scope="module", params=every("head"))
def module(request: pytest.FixtureRequest) -> MultiTaskModule:
    return build(subject("head", request.param)).eval()


def decisions(module: MultiTaskModule, rows: list[int]) -> tuple[Any, Any]:
    """What the only head decides on samples, and their labels."""
    (task,) = module.network.tasks
    batch = alone(data()[0], rows)
    with torch.no_grad():
        outputs = module.network.labelled_outputs(batch)
    return module.network.decisions(batch, outputs)[task], outputs[task][1]


def test_one_sample_where_the_coarsest_map_has_one_cell(module: MultiTaskModule) -> None:
    """Its norms get a single value of each channel; the detectors' have a channel in each group."""
    cfg = OmegaConf.create(module.settings)
    cfg.backbone = node("backbone", "resnet18")
    batch = alone(data()[0], [3])
    small = build(cfg)
    assert small.network.fusion.feature_stages[-1].stride == SIZE
    losses = small.train().losses(batch)
    assert list(losses) == list(small.network.tasks)
    torch.stack(list(losses.values())).sum().backward()
    found = [p.grad for p in small.network.parameters() if p.grad is not None]
    assert found
    assert all(value.isfinite().all() for value in (*losses.values(), *found))
    small.eval()
    with torch.no_grad():
        one = small.network(batch.image)
        two = small.network(torch.cat((batch.image, batch.image)))
    for task, raw in one.items():
        for name, value in tensors(raw).items():
            torch.testing.assert_close(value, tensors(two[task])[name][:1], rtol=1e-4, atol=1e-5)


def test_metrics_are_those_asked_for(module: MultiTaskModule) -> None:
    (task,) = module.network.tasks
    head = module.network.head(task)
    assert tuple(config().heads[task].metrics) == head.metrics
    metrics = head.make_metrics()
    assert metrics.compute() == {}
    metrics.update(*decisions(module, [0, 1]))
    metrics.update(*decisions(module, [2, 3]))
    found = metrics.compute()
    assert found
    assert [name for name in head.metrics if name in found] == list(found)
    assert all(value.ndim == 0 and value.isfinite() for value in found.values())
    declared = container(config().heads[task])
    for name, value in found.items():
        measure = measure_of(task, name, declared)
        assert measure.low <= value <= measure.high
    metrics.reset()
    assert metrics.compute() == {}


def test_metrics_do_not_depend_on_how_samples_are_batched(module: MultiTaskModule) -> None:
    head = module.network.head(module.network.tasks[0])
    results = []
    for batches in ([[0, 1, 2, 3]], [[0], [1, 2, 3]]):
        metrics = head.make_metrics()
        for rows in batches:
            metrics.update(*decisions(module, rows))
        results.append({name: float(value) for name, value in metrics.compute().items()})
    metrics = head.make_metrics()
    decision, labels = decisions(module, [0, 1, 2, 3])
    for rows in ([0], list(range(1, len(labels.index)))):
        own = Labelled(labels.index[rows], labels.value[torch.tensor(rows)])
        metrics.update(head.some(decision, rows), own)
    results.append({name: float(value) for name, value in metrics.compute().items()})
    assert results[0] == pytest.approx(results[1], abs=1e-4)
    assert results[0] == pytest.approx(results[2], abs=1e-4)


def test_curves_do_not_depend_on_how_samples_are_batched(module: MultiTaskModule) -> None:
    head = module.network.head(module.network.tasks[0])
    results = []
    for batches in ([[0, 1, 2, 3]], [[0], [1, 2, 3]]):
        curves = head.make_curves()
        if curves is None:
            return
        assert curves.compute() == {}
        for rows in batches:
            curves.update(*decisions(module, rows))
        results.append(curves.compute())
        curves.reset()
        assert curves.compute() == {}
    assert json.loads(json.dumps(results[0])) == results[0]
    assert results[0].keys() == results[1].keys() <= set(ENTRIES)
    for name in ("roc", "pr", "success"):
        for one, other in zip(*(result.get(name, {}).values() for result in results), strict=True):
            assert one.keys() == other.keys() >= ENTRIES[name]
            areas = [
                next(entry[a] for a in ("auc", "ap", "area") if a in entry)
                for entry in (one, other)
            ]
            assert areas[0] == pytest.approx(areas[1], abs=1e-4)
            points = [value for value in one.values() if isinstance(value, list)]
            assert all(len(column) == len(points[0]) <= 200 for column in points)
    for row in results[0].get("per_class", []):
        assert row.keys() >= ENTRIES["per_class"]
    assert all(canvas.dtype == np.uint8 for canvas in pictures(results[0], "x").values())
    chance = results[0].get("chance", {})
    assert chance.keys() <= set(head.metrics)
    assert all(0 <= level < 1 for level in chance.values())


def test_the_main_metric_is_had_from_kept_samples(module: MultiTaskModule) -> None:
    """Or the head says that it keeps none."""
    (task,) = module.network.tasks
    head = module.network.head(task)
    samples = head.make_samples()
    if samples is None:
        return
    metrics, parts = head.make_metrics(), []
    for rows in ([0], [1, 2, 3]):
        decision, labels = decisions(module, rows)
        metrics.update(decision, labels)
        parts.append(samples.columns(decision, labels))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ids = packed(["a", "b", "c", "d"])
    more = {"kind": np.array(samples.kind), "metric": np.array(head.metrics[0]), "ids": ids}
    kept = KeptSamples.of({f"{task}/{name}": array for name, array in {**arrays, **more}.items()})
    assert kept.tasks == (task,)
    main = metrics.compute().get(head.metrics[0])
    score = kept.score(task)
    assert np.isnan(score) if main is None else score == pytest.approx(float(main), abs=1e-6)
    assert ((kept.quality(task) >= 0) & (kept.quality(task) <= 1)).all()


def test_what_is_calibrated_keeps_its_order(module: MultiTaskModule) -> None:
    """Or the head says that there is nothing to calibrate."""
    head = module.network.head(module.network.tasks[0])
    calibrator = head.make_calibrator()
    if calibrator is None:
        assert not head.class_thresholds
        return
    assert calibrator.fit(Aim()) is None
    for rows in ([0], [1, 2, 3]):
        calibrator.update(*decisions(module, rows))
    fitted = calibrator.fit(Aim())
    assert fitted is not None
    assert json.loads(json.dumps(entry(fitted)))["temperature"] > 0
    decision, _ = decisions(module, [0, 1])
    usual, classes = head.calibration, head.target.classes
    assert len(head.class_thresholds) in (0, len(classes))
    head.calibration = TaskCalibration(2.0, {classes[0]: 0.25} if head.class_thresholds else {})
    tempered = head.tempered(decision)
    if isinstance(decision, torch.Tensor):
        assert torch.equal(tempered.argsort(1), decision.argsort(1))
    assert list(head.class_thresholds)[:1] in ([], [0.25])
    head.calibration = usual


def test_labels_are_those_of_the_samples_that_have_them(module: MultiTaskModule) -> None:
    (task,) = module.network.tasks
    head, name = module.network.head(task), module.network.target_names[task]
    found = head.labels(labelled_only(data()[0], [1, 3]), name)
    assert found is not None
    assert found.index.tolist() == [1, 3]
    assert head.labels(labelled_only(data()[0], []), name) is None


def test_decisions_can_be_recorded_and_drawn(module: MultiTaskModule) -> None:
    head = module.network.head(module.network.tasks[0])
    decision, _ = decisions(module, [0, 1, 2])
    items = head.unbatch(decision)
    assert len(items) == 3
    for item in items:
        assert all(isinstance(line, str) for line in head.captions(item))
        canvas = np.full((SIZE, SIZE, 3), 90, np.uint8)
        drawn = head.draw(canvas, item)
        assert (drawn.shape, drawn.dtype) == (canvas.shape, np.uint8)
        assert (canvas == 90).all()
        original = head.to_original(item, FRAME)
        record = dict(head.record(original))
        arrays = {k: v for k, v in record.items() if isinstance(v, np.ndarray)}
        assert all(array.shape[:2] == (FRAME.height, FRAME.width) for array in arrays.values())
        assert json.loads(json.dumps({k: v for k, v in record.items() if k not in arrays}))
        large = np.zeros((FRAME.height, FRAME.width, 3), np.uint8)
        assert head.draw(large, original).shape == large.shape


def test_equal_decisions_average_to_themselves(module: MultiTaskModule) -> None:
    head = module.network.head(module.network.tasks[0])
    decision, _ = decisions(module, [0, 1])
    same = head.average([decision, decision], torch.tensor([0.25, 0.75], dtype=torch.float64))
    assert len(head.unbatch(same)) == len(head.unbatch(head.vote([decision, decision]))) == 2
    if isinstance(decision, torch.Tensor):
        torch.testing.assert_close(same, decision, rtol=1e-5, atol=1e-6)


def test_a_tile_that_is_the_whole_image_changes_nothing(module: MultiTaskModule) -> None:
    head = module.network.head(module.network.tasks[0])
    decision, _ = decisions(module, [0])
    prediction = head.to_original(head.unbatch(decision)[0], FRAME)
    tile = Tile((0, 0, 50, 40), (0, 0, 50, 40))
    if head.joins_tiles:
        same = head.from_tiles([prediction], [tile])
        assert str(head.record(same)) == str(head.record(prediction))
    else:
        with pytest.raises(UserError, match="can't be put together"):
            head.from_tiles([prediction], [tile])
