"""Multilabel: losses, metrics, ignored entries."""

import math

import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.multilabel import METRICS, Multilabel, MultilabelMetrics
from mtl.model.head.scores import average_precision, quietly

CLASSES = ("cat", "dog", "owl")


def make(**options: object) -> Multilabel:
    return Multilabel(
        target=Target("labels", CLASSES),
        stages=(Stage("a", 8, 4),),
        image_size=16,
        **options,  # type: ignore[arg-type]
    )


def labelled(*rows: list[int]) -> Labelled:
    return Labelled(torch.arange(len(rows)), torch.tensor(rows, dtype=torch.int8))


def test_loss_equals_references() -> None:
    raw = torch.randn(2, 3, dtype=torch.float64)
    labels = labelled([1, 0, 1], [0, 0, 1])
    assert isinstance(labels.value, torch.Tensor)
    wanted = labels.value.double()
    torch.testing.assert_close(
        make().loss(raw, labels), F.binary_cross_entropy_with_logits(raw, wanted)
    )
    torch.testing.assert_close(
        make(positive_weights=[1.0, 2.0, 3.0]).loss(raw, labels),
        F.binary_cross_entropy_with_logits(raw, wanted, pos_weight=torch.tensor([1.0, 2.0, 3.0])),
    )
    torch.testing.assert_close(
        make(focal_gamma=2.0).loss(raw, labels),
        sigmoid_focal_loss(raw, wanted, alpha=-1, gamma=2.0, reduction="mean"),
    )


def test_ignored_entries_do_not_count() -> None:
    raw = torch.tensor([[0.0, 9.0, math.log(3)]], dtype=torch.float64, requires_grad=True)
    loss = make().loss(raw, labelled([1, -1, 0]))
    # -log(1/2) and -log(1 - 3/4).
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    loss.backward()
    assert raw.grad is not None
    assert raw.grad[0, 1] == 0
    nothing = make().loss(raw, labelled([-1, -1, -1]))
    assert nothing.item() == 0
    assert nothing.requires_grad


def test_metrics_by_hand() -> None:
    metrics = make(per_class=True).make_metrics()
    scores = torch.tensor([[0.9, 0.8, 0.2], [0.6, 0.7, 0.6], [0.7, 0.1, 0.1]])
    metrics.update(scores[:2], labelled([1, 0, 0], [0, 1, -1]))
    metrics.update(scores[2:], labelled([1, -1, 0]))
    found = metrics.compute()
    # cat: 0.9 and 0.7 positive before 0.6: AP 1. dog: 0.8 negative, 0.7 positive: AP 1/2.
    assert found["map_cat"].item() == 1
    assert found["map_dog"].item() == pytest.approx(1 / 2)
    assert "map_owl" not in found
    assert found["map"].item() == pytest.approx(3 / 4)
    # cat: 2 hits, 1 false: 4/5. dog: 1 hit, 1 false: 2/3. owl: neither wanted nor said.
    assert found["f1_cat"].item() == pytest.approx(4 / 5)
    assert found["f1"].item() == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert "f1_owl" not in found
    metrics.reset()
    assert metrics.compute() == {}


def test_only_the_metrics_asked_for() -> None:
    metrics = make(metrics=["f1"]).make_metrics()
    metrics.update(torch.tensor([[0.9, 0.1, 0.1]]), labelled([1, 0, 0]))
    assert {name: value.item() for name, value in metrics.compute().items()} == {"f1": 1.0}


def test_one_sample_in_bfloat16() -> None:
    head = make()
    with torch.autocast("cpu", torch.bfloat16):
        raw = head({4: torch.randn(1, 8, 4, 4)})
        loss = head.loss(raw, labelled([1, 0, -1]))
    assert loss.dtype == head.predict(raw).dtype == torch.float32
    loss.backward()


def test_record_and_drawing() -> None:
    head = make()
    (one,) = head.unbatch(torch.tensor([[0.75, 0.25, 0.5]]))
    assert head.record(one) == {
        "probabilities": {"cat": 0.75, "dog": 0.25, "owl": 0.5},
        "labels": ["cat", "owl"],
    }
    assert head.captions(one) == ["cat 0.75", "owl 0.50"]


def test_messages() -> None:
    with pytest.raises(UserError, match=r"multilabel\.metrics=mpa: did you mean map"):
        make(metrics=["mpa"])
    with pytest.raises(UserError, match="positive_weights has 2 numbers"):
        make(positive_weights=[1.0, 2.0])


def test_a_rank_without_samples() -> None:
    full, empty = average_precision(2), average_precision(2)
    full.update(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([[0, 1], [1, -1]]))
    remote = iter([full.scores[0], full.targets[0]])

    def gather(local: torch.Tensor, group: object = None) -> list[torch.Tensor]:
        other = next(remote)
        assert local.dtype == other.dtype
        assert local.shape == (0, 2)
        return [local, other]

    empty.dist_sync_fn = gather
    empty.distributed_available_fn = lambda: True
    assert quietly(empty).tolist() == [0.5, 1.0]


def test_a_single_class_is_counted_too() -> None:
    metrics = MultilabelMetrics(("person",), METRICS, per_class=True)
    truth = torch.tensor([[1], [0]], dtype=torch.int8)
    metrics.update(torch.tensor([[0.9], [0.2]]), Labelled(torch.arange(2), truth))
    found = {name: float(value) for name, value in metrics.compute().items()}
    assert found == {"map": 1.0, "f1": 1.0, "map_person": 1.0, "f1_person": 1.0}
