"""Any number of classes per image."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics.classification import MultilabelStatScores

from mtl.data.batch import Labelled
from mtl.data.sample import IGNORE_LABEL, Target
from mtl.data.tile import Tile
from mtl.model.backbone.base import Stage
from mtl.model.calibration.multilabel import MultilabelCalibrator
from mtl.model.calibration.tempered import sigmoid_at
from mtl.model.curves.multilabel import MultilabelCurves
from mtl.model.head.agreement import majority
from mtl.model.head.base import HeadMetrics
from mtl.model.head.class_probabilities import ClassProbabilities, Probabilities
from mtl.model.head.exported import ExportedTensor
from mtl.model.head.losses import binary_cross_entropy, full_precision
from mtl.model.head.options import check_names, check_per_class, check_range, per_class_tensor
from mtl.model.head.pooled import Pooled
from mtl.model.head.scores import average_precision, present, quietly, ratio
from mtl.model.head.soft_losses import binary_divergence
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import score_columns

METRICS = ("map", "f1")
THRESHOLD = 0.5


class MultilabelMetrics(HeadMetrics):
    """Mean average precision and F1, both as means over classes; ignored entries don't count.

    ``map`` is over the classes with a positive; ``f1``, at the thresholds, over those that occur
    among the targets or the decisions.
    """

    thresholds: Tensor

    def __init__(
        self,
        classes: Sequence[str],
        names: Sequence[str],
        per_class: bool,
        thresholds: Sequence[float] = (THRESHOLD,),
    ) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.names = tuple(names)
        self.per_class = per_class
        self.register_buffer("thresholds", torch.tensor(thresholds), persistent=False)
        self.precision = average_precision(len(classes))
        self.counts = MultilabelStatScores(
            num_labels=len(classes),
            threshold=THRESHOLD,
            average=None,
            ignore_index=IGNORE_LABEL,
            validate_args=False,
        )

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, C) probabilities."""
        assert isinstance(labels.value, Tensor)
        if "map" in self.names:
            self.precision.update(prediction, labels.value)
        if "f1" in self.names:
            # As decisions: torchmetrics would take a sigmoid of scores that it thinks are logits.
            self.counts.update((prediction >= self.thresholds).long(), labels.value.long())

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar."""
        by_class = {}
        for name in self.names:
            if name == "map":
                by_class[name] = quietly(self.precision)
            else:
                hits, false, _, missed, _ = quietly(self.counts).view(-1, 5).unbind(1)
                by_class[name] = ratio(2 * hits, 2 * hits + false + missed)
        values = {name: numbers.nanmean() for name, numbers in by_class.items()}
        return present(values, by_class if self.per_class else {}, self.classes)

    def reset(self) -> None:
        """Forget everything."""
        self.precision.reset()
        self.counts.reset()


class Multilabel(ClassProbabilities):
    """A linear layer (or two) on the pooled coarsest features, with binary cross-entropy.

    ``predict`` gives (n, C) probabilities, each in 0..1 by itself.

    Args:
        target: ``labels``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``map``, ``f1``.
        pool: ``avg`` or ``max`` over the picture.
        hidden: width of a hidden layer; 0 for none.
        dropout: 0..1.
        positive_weights: one factor per class for its positives.
        focal_gamma: exponent of the focal loss; 0 for plain cross-entropy.
        per_class: adds ``map_<class>`` and ``f1_<class>`` to the metrics.
    """

    stacks = True
    positive_weights: Tensor | None

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
        positive_weights: Sequence[float] | None = None,
        focal_gamma: float = 0.0,
        per_class: bool = False,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("multilabel", "metrics", metrics, METRICS)
        check_range("multilabel", "focal_gamma", focal_gamma, 0)
        check_per_class("multilabel", "positive_weights", positive_weights, target.classes)
        self.focal_gamma = focal_gamma
        self.per_class = per_class
        self.layers = Pooled(
            "multilabel",
            stages,
            len(target.classes),
            pool=pool,
            hidden=hidden,
            dropout=dropout,
        )
        weights = per_class_tensor(positive_weights)
        self.register_buffer("positive_weights", weights, persistent=False)

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """Binary cross-entropy of (n, C) logits, the mean over the entries that aren't ignored."""
        assert isinstance(labels.value, Tensor)
        return binary_cross_entropy(
            full_precision(raw),
            labels.value,
            positive_weight=self.positive_weights,
            gamma=self.focal_gamma,
            ignore=IGNORE_LABEL,
        )

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """Kullback-Leibler divergence of each class by itself, the mean over all entries."""
        own, wanted = full_precision(raw), full_precision(taught)
        return binary_divergence(own, wanted, temperature).mean()

    def predict(self, raw: Tensor) -> Tensor:
        """Probabilities (n, C)."""
        return full_precision(raw).sigmoid()

    def vote(self, decisions: Sequence[Tensor]) -> Tensor:
        """Share of the votes for each class; a tie goes by the mean probability."""
        return majority(decisions, THRESHOLD)

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The probabilities."""
        return {"probabilities": ExportedTensor(("class",), "probability in 0..1, each by itself")}

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The probability from which on a class is there."""
        return {"probability": THRESHOLD}

    @property
    def class_thresholds(self) -> tuple[float, ...]:
        """Probabilities."""
        return self.calibration.of_classes(self.target.classes, THRESHOLD)

    def make_calibrator(self) -> MultilabelCalibrator:
        """A temperature, and a threshold for each class."""
        return MultilabelCalibrator(self.target.classes, THRESHOLD)

    def tempered(self, prediction: Tensor) -> Tensor:
        """sigmoid of the logits divided by the temperature."""
        return sigmoid_at(prediction, self.calibration.temperature)

    def make_metrics(self) -> MultilabelMetrics:
        """Fresh metrics for one split."""
        return MultilabelMetrics(
            self.target.classes, self.metrics, self.per_class, self.class_thresholds
        )

    def make_curves(self) -> MultilabelCurves:
        """Fresh ones for one split."""
        return MultilabelCurves(self.target.classes, self.class_thresholds)

    def make_samples(self) -> HeadSamples:
        """All probabilities and what is true."""
        return HeadSamples("scores", score_columns)

    def from_tiles(
        self, predictions: Sequence[Probabilities], tiles: Sequence[Tile]
    ) -> Probabilities:
        """Each class as likely as where it is seen best: it need not be on every tile."""
        likeliest: Probabilities = np.max(predictions, axis=0)
        return likeliest

    def captions(self, prediction: Probabilities) -> list[str]:
        """The classes from their thresholds up, the likeliest first."""
        least = self.class_thresholds
        order = [i for i in np.argsort(-prediction) if prediction[i] >= least[i]]
        return [f"{self.target.classes[i]} {prediction[i]:.2f}" for i in order]

    def record(self, prediction: Probabilities) -> Mapping[str, Any]:
        """``probabilities`` by class name, and the ``labels`` from their thresholds up."""
        names, values = self.target.classes, prediction.tolist()
        every = zip(names, values, self.class_thresholds, strict=True)
        return {
            "probabilities": dict(zip(names, values, strict=True)),
            "labels": [name for name, p, least in every if p >= least],
        }
