"""Counts: what is known of them, loss, metrics and what is said, on numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Poisson, kl_divergence

from mtl.data.batch import Batch, Labelled
from mtl.data.instances import Instances
from mtl.data.masks import Masks
from mtl.data.sample import Boxes, Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.count import Count

NAN = math.nan
CLASSES = ("cat", "dog")


def head(kind: str = "boxes", **options: Any) -> Count:
    stages = (Stage("a", 2, 4),)
    return Count(target=Target(kind, CLASSES), stages=stages, image_size=8, **options)


def boxes(*labels: int, difficult: tuple[int, ...] = (), unsought: int | None = None) -> Boxes:
    xyxy = np.tile(np.array([0, 0, 2, 2], np.float32), (len(labels), 1))
    hard = np.isin(np.arange(len(labels)), difficult)
    looked_for = None if unsought is None else np.arange(len(CLASSES)) != unsought
    return Boxes(xyxy, np.array(labels, np.int64), hard, looked_for=looked_for)


def known(made: Count, *values: Any) -> tuple[list[int], list[list[float]]]:
    """Which samples have counts, and these, -1 for unknown."""
    target = made.target
    batch = Batch(
        torch.zeros(len(values), 3, 8, 8, dtype=torch.uint8),
        [str(i) for i in range(len(values))],
        {"it": Labelled(torch.arange(len(values)), target.kind.collate(values))},
    )
    found = made.labels(batch, "it")
    if found is None:
        return [], []
    assert isinstance(found.value, Tensor)
    return found.index.tolist(), found.value.nan_to_num(-1).tolist()


def test_objects_are_counted_by_class_or_together() -> None:
    images = (boxes(1, 0, 1), boxes(), boxes(0))
    assert known(head(), *images) == ([0, 1, 2], [[1, 2], [0, 0], [1, 0]])
    assert known(head(of="all"), *images) == ([0, 1, 2], [[3], [0], [1]])


def test_difficult_objects_and_classes_not_looked_for_leave_a_count_unknown() -> None:
    crowd, partly = boxes(1, 0, 1, difficult=(2,)), boxes(0, 0, unsought=1)
    neither = boxes(0, difficult=(0,), unsought=1)
    assert known(head(), crowd, neither, partly) == ([0, 2], [[1, -1], [2, -1]])
    assert known(head(of="all"), crowd, boxes(1), partly) == ([1], [[1]])
    assert known(head(), neither) == ([], [])


def test_instances_and_numbers_are_counted_too() -> None:
    objects = boxes(1, 1)
    masks = Masks.of([np.ones((8, 8), np.bool_)] * 2, (8, 8))
    assert known(head("instances"), Instances.of(objects, masks)) == ([0], [[0, 2]])
    values = [np.array(row, np.float32) for row in ([2, NAN], [NAN, NAN], [1, 3])]
    assert known(head("numbers"), *values) == ([0, 2], [[2, -1], [1, 3]])
    assert known(head("numbers", of="all"), *values) == ([2], [[4]])


def test_counts_begin_at_the_mean_of_the_training_split() -> None:
    made = head()
    made.look_at(iter([boxes(0, 0, 0), boxes(0, 1, difficult=(1,)), boxes(unsought=0)]))
    # Four cats in two images that tell of them; no dog in two counts as one.
    assert made.mean.tolist() == [2, 0.5]
    assert "mean" in made.state_dict()
    last = made.layers.layers[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([math.log(3), 0]))
        said = made.predict(made({4: torch.ones(1, 2, 1, 1)}))
    assert said.squeeze(2).tolist() == [pytest.approx([6, 0.5])]
    last.bias.data.fill_(1e6)
    assert made({4: torch.ones(1, 2, 1, 1)}).exp().isfinite().all()


def test_the_loss_is_the_divergence_of_poisson_distributions() -> None:
    raw = torch.tensor([[2.0, 5], [1, 7]]).log().unsqueeze(2).requires_grad_()
    truth = torch.tensor([[3.0, NAN], [0, NAN]])
    loss = head().loss(raw, Labelled(torch.arange(2), truth))
    wanted = (kl_divergence(Poisson(torch.tensor(3.0)), Poisson(torch.tensor(2.0))) + 1) / 2
    assert loss.item() == pytest.approx(wanted.item())
    loss.backward()
    assert raw.grad is not None
    # The gradient of the logarithm is said - true, here of a mean over two.
    assert raw.grad.squeeze(2).tolist() == [pytest.approx([-0.5, 0]), pytest.approx([0.5, 0])]
    right = torch.tensor([[10.0]]).log().unsqueeze(2)
    found = head(of="all").loss(right, Labelled(torch.arange(1), torch.tensor([[10.0]])))
    assert found.item() == pytest.approx(0, abs=1e-5)
    assert head().distillation(raw, raw.detach(), 2.0).item() == pytest.approx(0, abs=1e-5)


def test_metrics_by_hand() -> None:
    metrics = head(per_class=True).make_metrics()
    said = torch.tensor([[0.6, 1.2], [2.0, 0.4], [3.0, 9]]).unsqueeze(2)
    truth = torch.tensor([[1.0, 1], [2, 0], [0, NAN]])
    metrics.update(said, Labelled(torch.arange(3), truth))
    found = {name: float(value) for name, value in metrics.compute().items()}
    cat, dog = 1 - (0.16 + 9) / 2, 1 - (0.04 + 0.16) / 0.5
    assert found["r2"] == pytest.approx((cat + dog) / 2)
    assert found["mae"] == pytest.approx((3.4 / 3 + 0.3) / 2)
    assert found["rmse"] == pytest.approx((math.sqrt(9.16 / 3) + math.sqrt(0.1)) / 2)
    assert found["exact_cat"] == pytest.approx(2 / 3)
    assert found["exact"] == pytest.approx((2 / 3 + 1) / 2)


def test_what_is_said() -> None:
    made, counts = head(), np.array([0.4, 1.70004], np.float32)
    assert made.captions(counts) == ["2 dog"]
    assert made.record(counts) == {"counts": {"cat": 0.4, "dog": 1.7}}
    together = head(of="all")
    assert together.captions(counts[:1]) == ["0 objects"]
    assert together.record(counts[:1]) == {"counts": {"objects": 0.4}}


def test_an_exported_files_tolerance_is_a_share() -> None:
    own = {"counts": np.array([[999.0, 0]])}
    (near,) = head().differences(own, {"counts": np.array([[999.5, 0]])})
    (far,) = head().differences(own, {"counts": np.array([[999.0, 0.1]])})
    assert near.fine
    assert not far.fine


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: head(of="each"), r"count\.of=each: .*allowed: classes, all"),
        (lambda: head(metrics=["exat"]), r"count\.metrics=exat: did you mean exact"),
        (
            lambda: head("mask"),
            r"instances, poses or numbers, not from mask",
        ),
        (
            lambda: head("numbers").look_at([np.array([1, -3], np.float32)]),
            "count: -3 of cat, dog is no count; the head regression",
        ),
    ],
)
def test_mistakes_are_answered(made: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        made()
