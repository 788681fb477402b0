"""Metrics that are computed class by class and skip what can't be computed."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc, binary_average_precision
from torchmetrics.utilities.data import dim_zero_cat

from mtl.data.sample import IGNORE_LABEL
from mtl.model.precision import wide


class PerClassCurve(Metric):
    """AUROC or average precision of each class against the rest.

    Args:
        classes: how many.
        function: takes (m,) scores and (m,) 0/1 targets and returns a scalar.
        needs_negatives: whether the function has no value without a negative; without a positive
            it has none in any case.
    """

    full_state_update = False
    scores: list[Tensor]
    targets: list[Tensor]

    def __init__(
        self, classes: int, function: Callable[..., Tensor], needs_negatives: bool
    ) -> None:
        super().__init__()
        self.classes = classes
        self.function = function
        self.needs_negatives = needs_negatives
        self.add_state("scores", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, scores: Tensor, targets: Tensor) -> None:
        """Count (n, C) scores and (n, C) targets of 1, 0 or IGNORE_LABEL."""
        self.scores.append(scores.detach().float())
        self.targets.append(targets.to(torch.int8))

    def compute(self) -> Tensor:
        """(C,) values; NaN where a class has none."""
        values = torch.full((self.classes,), torch.nan, device=self.device)
        if len(self.scores) == 0:  # a list, or a tensor once ranks have shared theirs
            return values
        scores, targets = dim_zero_cat(self.scores), dim_zero_cat(self.targets)
        usable = (targets == 1).any(0)
        if self.needs_negatives:
            usable &= (targets == 0).any(0)
        for index in usable.nonzero().flatten().tolist():
            known = targets[:, index] != IGNORE_LABEL
            values[index] = self.function(
                scores[known, index], targets[known, index].long(), validate_args=False
            )
        return values

    def _sync_dist(self, *args: Any, **kwargs: Any) -> None:
        # A rank without a sample would send a tensor of another shape and type than the others.
        if not self.scores:
            self.scores = [torch.zeros(0, self.classes, device=self.device)]
            self.targets = [torch.zeros(0, self.classes, dtype=torch.int8, device=self.device)]
        super()._sync_dist(*args, **kwargs)


def auroc(classes: int) -> PerClassCurve:
    """Area under the ROC curve of each class against the rest."""
    return PerClassCurve(classes, binary_auroc, needs_negatives=True)


def average_precision(classes: int) -> PerClassCurve:
    """Average precision of each class."""
    return PerClassCurve(classes, binary_average_precision, needs_negatives=False)


def quietly(metric: Metric) -> Tensor:
    """``metric.compute()`` without the warning that nothing was counted yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``compute`` method", UserWarning)
        value: Tensor = metric.compute()
    return value


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole``, as exact as the device can, NaN where the whole is 0."""
    return part.to(wide(part.device)) / torch.where(whole > 0, whole, torch.nan)


def present(
    values: Mapping[str, Tensor], by_class: Mapping[str, Tensor], classes: Sequence[str]
) -> dict[str, Tensor]:
    """Metrics as a task reports them: those that are NaN are left out.

    Args:
        values: metric name to scalar.
        by_class: metric name to (C,) values, which become ``<metric>_<class>``.
        classes: C names.
    """
    named = {
        f"{name}_{label}": value
        for name, numbers in by_class.items()
        # torchmetrics makes a scalar of one number.
        for label, value in zip(classes, numbers.reshape(-1), strict=True)
    }
    return {n: v.float() for n, v in {**values, **named}.items() if not v.isnan()}
