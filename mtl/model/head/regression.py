"""Named numbers of each image."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.data.target.numbers import said
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.curves.regression import RegressionCurves
from mtl.model.head.agreement import weighted_mean
from mtl.model.head.base import Head
from mtl.model.head.exported import Arrays, Deviation, ExportedTensor, largest
from mtl.model.head.losses import full_precision
from mtl.model.head.number_losses import (
    WIDEST,
    distance,
    known_mean,
    normal_divergence,
    normal_likelihood,
)
from mtl.model.head.options import check_names
from mtl.model.head.pooled import Pooled
from mtl.model.head.regression_metrics import METRICS, RegressionMetrics
from mtl.model.head.scale import Scale
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import number_columns

LOSSES = ("l1", "l2", "huber", "normal")
TOLERANCE = 1e-3
"""Of an exported file, in standard deviations."""


class Regression(Head):
    """A linear layer (or two) on the pooled coarsest features.

    What the layers say is in standard deviations of the training split, from its mean, and so is
    the loss: no number counts more because of its unit. ``forward`` and ``predict`` give numbers in
    their units, (n, K, 1), or (n, K, 2) with ``loss=normal``: there ``forward`` gives the logarithm
    of the variance beside each number, ``predict`` its standard deviation.

    Args:
        target: ``numbers``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``r2``, ``mae``, ``rmse``.
        pool: ``avg`` or ``max`` over the picture.
        hidden: width of a hidden layer; 0 for none.
        dropout: 0..1.
        loss: ``l1``, ``l2``, ``huber``, or ``normal``, the likelihood of a normal distribution
            whose variance is learned, image by image; it may be below 0.
        delta: standard deviations from which on ``huber`` is linear, above 0.
        per_class: adds ``r2_<number>`` and so on to the metrics.
    """

    any_size = True
    stacks = True

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
        loss: Literal["l1", "l2", "huber", "normal"] = "huber",
        delta: float = 1.0,
        per_class: bool = False,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("regression", "metrics", metrics, METRICS)
        check_names("regression", "loss", [loss], LOSSES)
        if delta <= 0:
            raise UserError(f"regression.delta={delta:g}: allowed: above 0")
        self.kind_of_loss = loss
        self.delta = delta
        self.per_class = per_class
        self.columns = 2 if loss == "normal" else 1
        self.layers = Pooled(
            "regression",
            stages,
            len(target.classes) * self.columns,
            pool=pool,
            hidden=hidden,
            dropout=dropout,
        )
        self.scale = Scale(len(target.classes))

    @property
    def reads(self) -> tuple[int]:
        """The coarsest."""
        return (self.layers.stride,)

    def look_at(self, values: Iterable[npt.NDArray[np.float32]]) -> None:
        """Take the mean and the spread of each number."""
        self.scale.look_at(values)

    def forward(self, features: Features) -> Tensor:
        """(n, K, 1 or 2), in units; see the class."""
        flat = full_precision(self.layers(features))
        raw = flat.reshape(flat.shape[0], len(self.target.classes), self.columns)
        parts = [raw[..., 0] * self.scale.std + self.scale.mean]
        if self.columns == 2:
            parts.append(raw[..., 1].clamp(-WIDEST, WIDEST) + self._log_variance)
        return torch.stack(parts, dim=2)

    @property
    def _log_variance(self) -> Tensor:
        """(K,) of the training split."""
        return 2 * self.scale.std.log()

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """The mean over the numbers that are known, in standard deviations."""
        assert isinstance(labels.value, Tensor)
        truth = labels.value.to(raw.dtype)
        error = (raw[..., 0] - truth.nan_to_num()) / self.scale.std
        if self.columns == 2:
            losses = normal_likelihood(error, raw[..., 1] - self._log_variance)
        else:
            losses = distance(error, self.kind_of_loss, self.delta)
        return known_mean(losses, ~truth.isnan())

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """The loss with the teacher's numbers as the truth; numbers have no temperature.

        With ``loss=normal`` the Kullback-Leibler divergence of the teacher's distributions.
        """
        error = (raw[..., 0] - taught[..., 0]) / self.scale.std
        if self.columns == 2:
            own, its = (part[..., 1] - self._log_variance for part in (raw, taught))
            return normal_divergence(error, own, its).mean()
        return distance(error, self.kind_of_loss, self.delta).mean()

    def predict(self, raw: Tensor) -> Tensor:
        """(n, K, 1 or 2) numbers, and their standard deviations."""
        numbers = full_precision(raw)
        if self.columns == 1:
            return numbers
        return torch.stack([numbers[..., 0], (numbers[..., 1] / 2).exp()], dim=2)

    def average(self, decisions: Sequence[Tensor], weights: Tensor) -> Tensor:
        """The mean; with deviations, mean and deviation of the mixture."""
        if self.columns == 1:
            return weighted_mean(decisions, weights)
        mean = weighted_mean([each[..., 0] for each in decisions], weights)
        # About the mean, since squares of large numbers leave no digits for a small spread.
        squares = [(each[..., 0] - mean).square() + each[..., 1].square() for each in decisions]
        return torch.stack([mean, weighted_mean(squares, weights).sqrt()], dim=2)

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The numbers, and their deviations where there are any."""
        named = ", ".join(self.target.titles)
        found = {"numbers": ExportedTensor(("number",), f"in this order: {named}")}
        if self.columns == 2:
            found["deviations"] = ExportedTensor(("number",), "standard deviation of each number")
        return found

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``."""
        return dict(zip(self.exports, prediction.unbind(2), strict=True))

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Any = None) -> Tensor:
        """The numbers, and their deviations."""
        return torch.stack([tensors[name] for name in self.exports], dim=2)

    def differences(self, eager: Arrays, file: Arrays) -> Sequence[Deviation]:
        """In standard deviations of the training split, since units differ."""
        std = self.scale.std.cpu().numpy()
        return [
            largest(name, eager[name] / std, file[name] / std, TOLERANCE) for name in self.exports
        ]

    def make_metrics(self) -> RegressionMetrics:
        """Fresh metrics for one split."""
        return RegressionMetrics(self.target.classes, self.metrics, self.per_class)

    def make_curves(self) -> RegressionCurves:
        """Fresh ones for one split."""
        return RegressionCurves(self.target.titles)

    def make_samples(self) -> HeadSamples:
        """Each sample's numbers, and the true ones."""
        return HeadSamples("numbers", number_columns)

    def unbatch(self, prediction: Tensor) -> list[npt.NDArray[np.float32]]:
        """N arrays of (K, 1 or 2)."""
        return list(prediction.float().cpu().numpy())

    def captions(self, prediction: npt.NDArray[np.float32]) -> list[str]:
        """A line for each number: ``height 1.5 m``, or ``height 1.5 ± 0.2 m``."""
        units = self.target.units or ("",) * len(self.target.classes)
        rows = zip(self.target.classes, prediction.tolist(), units, strict=True)
        return [said(name, values[0], unit, *values[1:]) for name, values, unit in rows]

    def record(self, prediction: npt.NDArray[np.float32]) -> Mapping[str, Any]:
        """``numbers`` by name, and ``deviations``; their units are told once, with the task."""
        columns = zip(self.exports, prediction.T.tolist(), strict=True)
        return {
            key: {n: _digits(v) for n, v in zip(self.target.classes, values, strict=True)}
            for key, values in columns
        }


def _digits(value: float) -> float:
    """A float32 has no more."""
    return float(f"{value:.7g}")
