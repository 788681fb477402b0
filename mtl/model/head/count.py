"""How many objects an image shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import Batch, BatchValue, BoxBatch, Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.data.target.boxes import BoxesKind
from mtl.data.target.numbers import NumbersKind
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.curves.regression import RegressionCurves
from mtl.model.head.base import Head
from mtl.model.head.count_metrics import METRICS, CountMetrics
from mtl.model.head.exported import Arrays, Deviation, ExportedTensor, largest
from mtl.model.head.losses import full_precision
from mtl.model.head.number_losses import WIDEST, known_mean, poisson_divergence
from mtl.model.head.options import check_names
from mtl.model.head.pooled import Pooled
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import number_columns

OF = ("classes", "all")
TOGETHER = 100
"""Images whose objects are counted at a time."""
TOLERANCE = 1e-3
"""Of an exported file, as a share of 1 + count."""


class Count(Head):
    """Poisson regression on the pooled coarsest features (McCullagh and Nelder, 1989).

    What the layers say is the logarithm of the factor by which an image shows more objects than the
    mean of the training split. So counts are above 0, and the loss, the Kullback-Leibler divergence
    of Poisson distributions, counts an error of 1 the less the more objects there are: 9 instead of
    10 is better than 0 instead of 1. A squared or absolute error would learn crowds alone.

    ``forward`` gives (n, K, 1) logarithms of counts, ``predict`` the counts, at least 0 and not
    rounded.

    Of a class nobody knows how many there are where it was not looked for, or where one of its
    objects is difficult, as a crowd is. What nobody knows has no loss, and no part in the metrics.

    Args:
        target: ``boxes``, ``instances``, ``poses``, or ``numbers`` that are counts.
        stages: see Head.
        image_size: see Head.
        metrics: of ``r2``, ``mae``, ``rmse``, ``exact``.
        of: ``classes``, each by itself, or ``all`` objects together.
        pool: ``avg`` or ``max`` over the picture.
        hidden: width of a hidden layer; 0 for none.
        dropout: 0..1.
        per_class: adds ``r2_<class>`` and so on to the metrics.

    Raises:
        UserError: an option out of its range, or a target of another kind.
    """

    any_size = True
    mean: Tensor

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = METRICS,
        of: Literal["classes", "all"] = "classes",
        pool: Literal["avg", "max"] = "avg",
        hidden: int = 0,
        dropout: float = 0.0,
        per_class: bool = False,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("count", "metrics", metrics, METRICS)
        check_names("count", "of", [of], OF)
        if not isinstance(target.kind, BoxesKind | NumbersKind):
            raise UserError(
                f"count learns from boxes, instances, poses or numbers, not from {target.kind}"
            )
        self.of = of
        self.names = ("objects",) if of == "all" else target.classes
        self.per_class = per_class
        self.layers = Pooled(
            "count", stages, len(self.names), pool=pool, hidden=hidden, dropout=dropout
        )
        self.register_buffer("mean", torch.ones(len(self.names)))

    @property
    def reads(self) -> tuple[int]:
        """The coarsest."""
        return (self.layers.stride,)

    @property
    def output_count(self) -> int:
        """Classes, or 1."""
        return len(self.names)

    def look_at(self, values: Iterable[Any]) -> None:
        """Take the mean of what is known; less than one object in all counts as one.

        Raises:
            UserError: a number is below 0.
        """
        total, images = torch.zeros_like(self.mean), torch.zeros_like(self.mean)
        for chunk in _chunks(iter(values)):
            counts = self._counts(self.target.kind.collate(chunk)).to(total)
            if (counts < 0).any():
                lowest = counts.nan_to_num().min().item()
                raise UserError(
                    f"count: {lowest:g} of {', '.join(self.names)} is no count; the head "
                    "regression learns numbers of any kind"
                )
            total += counts.nansum(0)
            images += (~counts.isnan()).sum(0)
        self.mean.copy_(total.clamp(min=1) / images.clamp(min=1))

    def labels(self, batch: Batch, target_name: str) -> Labelled | None:
        """Counts, (n, K) float32, NaN where unknown; of the samples of which one is known."""
        found = batch.targets.get(target_name)
        if found is None:
            return None
        # On the CPU, since which samples have a count decides how much there is to compute.
        counts = self._counts(found.on_cpu.value)
        rows = (~counts.isnan()).any(1).nonzero().squeeze(1)
        if len(rows) == 0:
            return None
        chosen = Labelled(found.on_cpu.index[rows], counts[rows])
        return chosen.to(found.index.device, non_blocking=True)

    def _counts(self, value: Tensor | BatchValue) -> Tensor:
        counts = self.target.kind.numbers(value, self.target)
        if isinstance(value, BoxBatch):
            of_class = value.labels.unsqueeze(2) == torch.arange(counts.shape[1])
            doubtful = (of_class & value.difficult.unsqueeze(2)).any(1)
            counts = counts.masked_fill(doubtful, torch.nan)
        return counts.sum(1, keepdim=True) if self.of == "all" else counts

    def forward(self, features: Features) -> Tensor:
        """(n, K, 1) logarithms of counts."""
        factors = full_precision(self.layers(features)).clamp(-WIDEST, WIDEST)
        return (factors + self.mean.log()).unsqueeze(2)

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """The mean over the counts that are known; 0 is perfect."""
        assert isinstance(labels.value, Tensor)
        truth = labels.value.to(raw.dtype)
        losses = poisson_divergence(raw[..., 0], truth.nan_to_num())
        return known_mean(losses, ~truth.isnan())

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """The loss with the teacher's counts as the truth; counts have no temperature."""
        return poisson_divergence(raw, taught.exp()).mean()

    def predict(self, raw: Tensor) -> Tensor:
        """(n, K, 1) counts."""
        return full_precision(raw).exp()

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The counts."""
        named = ", ".join(self.names)
        return {"counts": ExportedTensor(("class",), f"not rounded, in this order: {named}")}

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``."""
        return {"counts": prediction.squeeze(2)}

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Frame | None = None) -> Tensor:
        """The counts."""
        return tensors["counts"].unsqueeze(2)

    def differences(self, eager: Arrays, file: Arrays) -> Sequence[Deviation]:
        """As shares of 1 + count, since counts may be of any size."""
        its, own = (np.log1p(arrays["counts"]) for arrays in (eager, file))
        return [largest("counts", its, own, TOLERANCE)]

    def make_metrics(self) -> CountMetrics:
        """Fresh metrics for one split."""
        return CountMetrics(self.names, self.metrics, self.per_class)

    def make_curves(self) -> RegressionCurves:
        """Fresh ones for one split."""
        return RegressionCurves(self.names)

    def make_samples(self) -> HeadSamples:
        """Each sample's counts, and the true ones."""
        return HeadSamples("numbers", number_columns)

    def unbatch(self, prediction: Tensor) -> list[npt.NDArray[np.float32]]:
        """N arrays of (K,)."""
        return list(prediction.squeeze(2).float().cpu().numpy())

    def to_original(
        self, prediction: npt.NDArray[np.float32], frame: Frame
    ) -> npt.NDArray[np.float32]:
        """As it is: a count has no place."""
        return prediction

    def captions(self, prediction: npt.NDArray[np.float32]) -> list[str]:
        """A line for each class that is there, rounded: ``2 dog``."""
        rows = zip(self.names, np.rint(prediction).astype(int).tolist(), strict=True)
        return [f"{number} {name}" for name, number in rows if number or self.of == "all"]

    def record(self, prediction: npt.NDArray[np.float32]) -> Mapping[str, Any]:
        """``counts`` by class, not rounded; of ``objects`` where all are counted together."""
        rows = zip(self.names, prediction.tolist(), strict=True)
        return {"counts": {name: round(number, 4) for name, number in rows}}


def _chunks(values: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(values, TOGETHER)):
        yield chunk
