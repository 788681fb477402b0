"""Errors of pixels, added up over a split and sample by sample."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import Labelled
from mtl.model.head.base import HeadMetrics
from mtl.model.head.scores import present, quietly, ratio
from mtl.model.precision import wide
from mtl.model.samples.base import Columns, HeadSamples

Errors = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""From a decision and the truth to metric names, each with a number for each pixel, (n, H, W); NaN
where the truth is unknown. The metric is the mean over the pixels of all samples together."""


class PixelMeans(HeadMetrics):
    """Means over all known pixels of a split, by running sums.

    Subclasses say in ``finished`` which of them are not metrics yet.

    Args:
        names: of the metrics, in the order asked for.
        errors: of each pixel.
        summed: which errors there are.
    """

    def __init__(self, names: Sequence[str], errors: Errors, summed: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.errors = errors
        self.sums = _Sums(summed)

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count one batch."""
        assert isinstance(labels.value, Tensor)
        found = self.errors(prediction, labels.value)
        self.sums.update(found)
        self.also(found)

    def also(self, errors: Mapping[str, Tensor]) -> None:
        """What else is counted; here nothing."""

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar."""
        means = dict(zip(self.sums.names, quietly(self.sums).unbind(), strict=True))
        values = self.finished(means)
        return present({name: values[name] for name in self.names}, {}, ())

    def finished(self, means: dict[str, Tensor]) -> dict[str, Tensor]:
        """Means of errors to metrics."""
        return means

    def reset(self) -> None:
        """Forget everything."""
        self.sums.reset()


class _Sums(Metric):
    """Sums of errors, each batch's as exact as the device can, and the number of known pixels."""

    full_state_update = False
    totals: Tensor
    known: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.add_state("totals", torch.zeros(len(names)), dist_reduce_fx="sum")
        self.add_state("known", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, errors: Mapping[str, Tensor]) -> None:
        exact = wide(self.totals.device)
        sums = torch.stack([errors[name].to(exact).nansum() for name in self.names])
        self.totals = self.totals + sums.to(self.totals.dtype)
        self.known = self.known + (~errors[self.names[0]].isnan()).sum()

    def compute(self) -> Tensor:
        """(K,) means; NaN where nothing is known."""
        return ratio(self.totals, self.known.to(self.totals.dtype))


def kept_means(errors: Errors, summed: Sequence[str], metric: str) -> HeadSamples | None:
    """Sums of each sample, from which a metric is had again.

    Args:
        errors: of each pixel.
        summed: which errors are means as they are; the first is a share, the quality of a sample.
        metric: the task's main one.

    Returns:
        None where the metric is no mean of errors.
    """
    if metric not in summed:
        return None

    def columns(prediction: Tensor, labels: Labelled) -> Columns:
        assert isinstance(labels.value, Tensor)
        found = errors(prediction, labels.value)
        known = (~found[metric].isnan()).sum((1, 2))
        return {
            "total": found[metric].double().nansum((1, 2)).cpu().numpy(),
            "known": known.cpu().numpy(),
            "good": found[summed[0]].nansum((1, 2)).cpu().numpy(),
        }

    return HeadSamples("pixel_means", columns)
