"""Classification: losses, metrics and what is said about an image."""

import math

import pytest
import torch
from torch.nn import functional as F

from mtl.data.batch import Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.classification import METRICS, Classification, ClassificationMetrics

STAGES = (Stage("a", 4, 2), Stage("b", 8, 4))
CLASSES = ("cat", "dog", "owl")


def make(**options: object) -> Classification:
    return Classification(
        target=Target("label", CLASSES),
        stages=STAGES,
        image_size=16,
        **options,  # type: ignore[arg-type]
    )


def labelled(*values: int) -> Labelled:
    return Labelled(torch.arange(len(values)), torch.tensor(values))


def features(n: int) -> dict[int, torch.Tensor]:
    return {2: torch.randn(n, 4, 8, 8), 4: torch.randn(n, 8, 4, 4)}


def test_loss_equals_torch() -> None:
    raw = torch.randn(6, 3, dtype=torch.float64)
    labels = labelled(0, 1, 2, 2, 1, 0)
    assert isinstance(labels.value, torch.Tensor)
    for smoothing in (0.0, 0.1):
        for weights in (None, [1.0, 2.0, 0.5]):
            found = make(label_smoothing=smoothing, class_weights=weights).loss(raw, labels)
            wanted = F.cross_entropy(
                raw,
                labels.value,
                None if weights is None else torch.tensor(weights, dtype=torch.float64),
                label_smoothing=smoothing,
            )
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


def test_loss_by_hand() -> None:
    # Probabilities 1/2, 1/4, 1/4.
    raw = torch.tensor([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0]], dtype=torch.float64).log()
    plain = make(label_smoothing=0.0).loss(raw, labelled(0, 1))
    assert plain.item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    focal = make(label_smoothing=0.0, focal_gamma=2.0).loss(raw, labelled(0, 1))
    assert focal.item() == pytest.approx((math.log(2) / 4 + math.log(4) * 9 / 16) / 2)


def test_focal_gradient_is_finite_at_certainty() -> None:
    raw = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    make(label_smoothing=0.0, focal_gamma=0.5).loss(raw, labelled(0)).backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_metrics_by_hand() -> None:
    metrics = make(
        metrics=["balanced_accuracy", "accuracy", "auroc"], per_class=True
    ).make_metrics()
    # cat: 2 of 3 right; dog: 1 of 1; owl does not occur.
    probabilities = torch.tensor(
        [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.4, 0.3]]
    )
    metrics.update(probabilities[:1], labelled(0))
    metrics.update(probabilities[1:], labelled(0, 0, 1))
    found = metrics.compute()
    assert list(found)[:3] == ["balanced_accuracy", "accuracy", "auroc"]
    assert found["accuracy"].item() == pytest.approx(3 / 4)
    assert found["balanced_accuracy"].item() == pytest.approx((2 / 3 + 1) / 2)
    # cat: 0.8, 0.6, 0.2 against 0.3: 2 of 3 pairs; dog: 0.4 against 0.1, 0.3, 0.5: 2 of 3.
    assert found["auroc"].item() == pytest.approx(2 / 3)
    assert found["recall_cat"].item() == pytest.approx(2 / 3)
    assert found["recall_dog"].item() == 1
    assert "recall_owl" not in found
    assert "auroc_owl" not in found
    metrics.reset()
    assert metrics.compute() == {}


def test_auroc_is_left_out_where_there_is_none() -> None:
    metrics = make().make_metrics()
    metrics.update(torch.tensor([[0.8, 0.1, 0.1]]), labelled(0))
    assert list(metrics.compute()) == ["accuracy", "balanced_accuracy"]


@pytest.mark.parametrize("options", [{}, {"pool": "max", "hidden": 5, "dropout": 0.5}])
def test_one_sample_in_bfloat16(options: dict[str, object]) -> None:
    head = make(**options)
    with torch.autocast("cpu", torch.bfloat16):
        raw = head(features(1))
        loss = head.loss(raw, labelled(2))
        prediction = head.predict(raw)
    assert raw.shape == (1, 3)
    assert raw.dtype == torch.bfloat16
    assert loss.shape == ()
    assert loss.dtype == prediction.dtype == torch.float32
    loss.backward()
    assert all(p.grad is not None for p in head.parameters())
    assert prediction.sum().item() == pytest.approx(1)


def test_pooling() -> None:
    maps = features(2)
    for pool, wanted in (("avg", maps[4].mean((2, 3))), ("max", maps[4].amax((2, 3)))):
        head = make(pool=pool)
        torch.testing.assert_close(head(maps), head.layers.layers(wanted))


def test_record_and_drawing() -> None:
    head = make()
    (one,) = head.unbatch(torch.tensor([[0.25, 0.5, 0.25]]))
    assert head.to_original(one, Frame(9, 9, 1, 1)) is one
    assert head.record(one) == {
        "probabilities": {"cat": 0.25, "dog": 0.5, "owl": 0.25},
        "label": "dog",
    }
    assert head.captions(one) == ["dog 0.50"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["acuracy"]}, "classification.metrics=acuracy: did you mean accuracy"),
        ({"metrics": []}, "classification.metrics is empty"),
        ({"pool": "mean"}, "classification.pool=mean: .*allowed: avg, max"),
        ({"dropout": 1.5}, "classification.dropout=1.5: allowed: 0 to 1"),
        ({"hidden": -1}, "classification.hidden=-1: allowed: from 0 up"),
        ({"label_smoothing": 2}, "label_smoothing=2"),
        ({"focal_gamma": -1.0}, "focal_gamma"),
        ({"class_weights": [1.0]}, "class_weights has 1 number, but there are 3 classes"),
        ({"class_weights": [1.0, -1.0, 1.0]}, "numbers from 0 up"),
    ],
)
def test_messages(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**options)


def test_a_single_class_is_counted_too() -> None:
    metrics = ClassificationMetrics(("person",), METRICS, per_class=True)
    metrics.update(torch.ones(3, 1), labelled(0, 0, 0))
    found = {name: float(value) for name, value in metrics.compute().items()}
    assert found == {"accuracy": 1.0, "balanced_accuracy": 1.0, "recall_person": 1.0}
