"""What every head has to do around its network: metrics, records, pictures and the way back."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from contracts_kit import SIZE, alone, build, config, data, every, labelled_only, subject

from mtl.data.preprocess.base import Frame
from mtl.learning.module import MultiTaskModule

FRAME = Frame(width=50, height=40, scale_x=SIZE / 50, scale_y=SIZE / 40)
"""Of a picture that was stretched to the network's square."""


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
    main = found.get(head.metrics[0])
    assert main is None or 0 <= main <= 1
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
    assert results[0] == pytest.approx(results[1], abs=1e-4)


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
