"""One class per image."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassConfusionMatrix

from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.data.tile import Tile
from mtl.model.backbone.base import Stage
from mtl.model.calibration.classes import ClassCalibrator
from mtl.model.calibration.tempered import softmax_at
from mtl.model.curves.classification import ClassificationCurves
from mtl.model.head.agreement import plurality
from mtl.model.head.base import HeadMetrics
from mtl.model.head.class_probabilities import ClassProbabilities, Probabilities
from mtl.model.head.exported import ExportedTensor
from mtl.model.head.losses import cross_entropy, full_precision
from mtl.model.head.options import check_names, check_per_class, check_range, per_class_tensor
from mtl.model.head.pooled import Pooled
from mtl.model.head.scores import auroc, present, quietly, ratio
from mtl.model.head.soft_losses import softened_divergence
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import class_columns, one_hot_columns

METRICS = ("accuracy", "balanced_accuracy", "auroc")
KEPT = {
    "accuracy": HeadSamples("classes", class_columns),
    "balanced_accuracy": HeadSamples("classes", class_columns),
    "auroc": HeadSamples("scores", one_hot_columns),
}
"""What of the samples each metric can be had from."""


class ClassificationMetrics(HeadMetrics):
    """Accuracy over samples, balanced accuracy and AUROC as means over classes.

    Balanced accuracy is the mean recall of the classes that occur; AUROC is one against the rest,
    over the classes for which there is both.
    """

    def __init__(self, classes: Sequence[str], names: Sequence[str], per_class: bool) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.names = tuple(names)
        self.per_class = per_class
        self.confusion = MulticlassConfusionMatrix(len(classes), validate_args=False)
        self.auroc = auroc(len(classes)) if "auroc" in names else None

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, C) probabilities."""
        assert isinstance(labels.value, Tensor)
        # As indices: torchmetrics counts half-precision probabilities as float64 copies.
        self.confusion.update(prediction.argmax(1), labels.value)
        if self.auroc is not None:
            self.auroc.update(prediction, F.one_hot(labels.value, len(self.classes)))

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar."""
        # torchmetrics drops the dimensions of a single class.
        confusion = quietly(self.confusion).reshape([len(self.classes)] * 2)
        hits, counts = confusion.diag(), confusion.sum(1)
        recall = ratio(hits, counts)
        values = {
            "accuracy": ratio(hits.sum(), counts.sum()),
            "balanced_accuracy": recall.nanmean(),
        }
        by_class = {"recall": recall}
        if self.auroc is not None:
            by_class["auroc"] = quietly(self.auroc)
            values["auroc"] = by_class["auroc"].nanmean()
        return present(
            {name: values[name] for name in self.names},
            by_class if self.per_class else {},
            self.classes,
        )

    def reset(self) -> None:
        """Forget everything."""
        self.confusion.reset()
        if self.auroc is not None:
            self.auroc.reset()


class Classification(ClassProbabilities):
    """A linear layer (or two) on the pooled coarsest features, with cross-entropy.

    ``predict`` gives (n, C) probabilities that sum to 1.

    Args:
        target: a ``label``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``accuracy``, ``balanced_accuracy``, ``auroc``.
        pool: ``avg`` or ``max`` over the picture.
        hidden: width of a hidden layer; 0 for none.
        dropout: 0..1.
        label_smoothing: 0..1.
        class_weights: one factor per class.
        focal_gamma: exponent of the focal loss; 0 for plain cross-entropy.
        per_class: adds ``recall_<class>`` (and ``auroc_<class>``) to the metrics.
    """

    stacks = True
    class_weights: Tensor | None

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = METRICS,
        pool: Literal["avg", "max"] = "avg",
        hidden: int = 0,
        dropout: float = 0.0,
        label_smoothing: float = 0.1,
        class_weights: Sequence[float] | None = None,
        focal_gamma: float = 0.0,
        per_class: bool = False,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("classification", "metrics", metrics, METRICS)
        check_range("classification", "label_smoothing", label_smoothing, 0, 1)
        check_range("classification", "focal_gamma", focal_gamma, 0)
        check_per_class("classification", "class_weights", class_weights, target.classes)
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.per_class = per_class
        self.layers = Pooled(
            "classification",
            stages,
            len(target.classes),
            pool=pool,
            hidden=hidden,
            dropout=dropout,
        )
        self.register_buffer("class_weights", per_class_tensor(class_weights), persistent=False)

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """Cross-entropy of (n, C) logits."""
        assert isinstance(labels.value, Tensor)
        return cross_entropy(
            full_precision(raw),
            labels.value,
            weight=self.class_weights,
            smoothing=self.label_smoothing,
            gamma=self.focal_gamma,
        )

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """Kullback-Leibler divergence from the teacher's softened probabilities."""
        own, wanted = full_precision(raw), full_precision(taught)
        return softened_divergence(own, wanted, temperature).mean()

    def predict(self, raw: Tensor) -> Tensor:
        """Probabilities (n, C)."""
        return full_precision(raw).softmax(1)

    def vote(self, decisions: Sequence[Tensor]) -> Tensor:
        """Share of the votes for each class; ties go by the mean probability."""
        return plurality(decisions)

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The probabilities."""
        return {
            "probabilities": ExportedTensor(
                ("class",), "probability in 0..1, with sum 1 over classes"
            )
        }

    def make_calibrator(self) -> ClassCalibrator:
        """A temperature."""
        return ClassCalibrator(len(self.target.classes))

    def tempered(self, prediction: Tensor) -> Tensor:
        """softmax of the logits divided by the temperature."""
        return softmax_at(prediction, self.calibration.temperature)

    def make_metrics(self) -> ClassificationMetrics:
        """Fresh metrics for one split."""
        return ClassificationMetrics(self.target.classes, self.metrics, self.per_class)

    def make_curves(self) -> ClassificationCurves:
        """Fresh ones for one split."""
        return ClassificationCurves(self.target.classes)

    def make_samples(self) -> HeadSamples | None:
        """Classes and probabilities; nothing for a metric of a subclass's own."""
        return KEPT.get(self.metrics[0])

    def from_tiles(
        self, predictions: Sequence[Probabilities], tiles: Sequence[Tile]
    ) -> Probabilities:
        """The mean of the tiles' probabilities."""
        mean: Probabilities = np.mean(predictions, axis=0, dtype=np.float32)
        return mean

    def captions(self, prediction: Probabilities) -> list[str]:
        """The likeliest class and its probability."""
        best = int(prediction.argmax())
        return [f"{self.target.classes[best]} {prediction[best]:.2f}"]

    def record(self, prediction: Probabilities) -> Mapping[str, Any]:
        """``probabilities`` by class name, and the likeliest ``label``."""
        names = self.target.classes
        return {
            "probabilities": dict(zip(names, prediction.tolist(), strict=True)),
            "label": names[int(prediction.argmax())],
        }
