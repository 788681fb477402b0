"""How far away each pixel is."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.curves.dense import DepthCurves
from mtl.model.head.dense import Decoder
from mtl.model.head.depth_losses import absolute, berhu, scale_invariant_log
from mtl.model.head.exported import ExportedTensor
from mtl.model.head.options import check_names, check_range
from mtl.model.head.pixel_means import PixelMeans, kept_means
from mtl.model.head.pixel_values import TOLERANCE, Pixels, PixelValues
from mtl.model.samples.base import HeadSamples

METRICS = ("delta1", "abs_err", "rel_err", "rmse")
LOSSES = ("l1", "berhu", "silog")
CLOSE = 1.25
"""Factor that a depth may be off, for ``delta1``."""
NEAREST = 1e-3
"""No depth is less than this: it has a logarithm."""


def depth_errors(prediction: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Of each pixel, NaN where the truth is; what was not predicted counts as a depth of 0.

    Args:
        prediction: (n, 1, H, W).
        truth: (n, H, W).
    """
    depth, known = prediction.squeeze(1).float().nan_to_num(0), ~truth.isnan()
    error = (depth - truth).abs()
    close = torch.maximum(depth / truth, truth / depth) < CLOSE
    return {
        "delta1": close.float().where(known, torch.nan),
        "abs_err": error,
        "rel_err": error / truth,
        "rmse": error.square(),
    }


class DepthMetrics(PixelMeans):
    """Means over all known pixels of the split together, not of each image's means.

    ``delta1``: share of pixels whose depth is right to a factor of 1.25, either way; ``rel_err``:
    |error| / truth; ``rmse`` (Eigen et al., 2014). ``abs_err``: |error| in the data's unit (Liu,
    Johns and Davison, End-to-end multi-task learning with attention, 2019).
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names, depth_errors, METRICS)

    def finished(self, means: dict[str, Tensor]) -> dict[str, Tensor]:
        """The root of the mean square."""
        return means | {"rmse": means["rmse"].sqrt()}


class Depth(PixelValues):
    """A depth for every pixel.

    ``forward`` gives numbers whose softplus is the depth; ``predict`` gives
    (n, 1, image_size, image_size) depths in the data's unit, above 0.

    Args:
        target: a ``depth``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``delta1``, ``abs_err``, ``rel_err``, ``rmse``.
        strides: see Dense.
        channels: see Dense.
        decoder: see Dense.
        loss: ``l1``, ``berhu`` or ``silog`` (see ``depth_losses``).
        invariance: λ of ``silog``, 0..1.
    """

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = METRICS,
        strides: Sequence[int] = (4, 8, 16, 32),
        channels: int = 64,
        decoder: Decoder = "light",
        loss: Literal["l1", "berhu", "silog"] = "l1",
        invariance: float = 0.5,
    ) -> None:
        super().__init__(
            target=target,
            stages=stages,
            image_size=image_size,
            metrics=metrics,
            allowed=METRICS,
            outputs=1,
            strides=strides,
            channels=channels,
            decoder=decoder,
        )
        check_names("depth", "loss", [loss], LOSSES)
        check_range("depth", "invariance", invariance, 0, 1)
        self.kind_of_loss = loss
        self.invariance = invariance

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """As chosen, over the known pixels; 0 with gradient where all are unknown."""
        assert isinstance(labels.value, Tensor)
        depth = self.predict(raw).squeeze(1)
        truth = labels.value.to(depth.dtype)
        if self.kind_of_loss == "l1":
            return absolute(depth, truth)
        if self.kind_of_loss == "berhu":
            return berhu(depth, truth)
        return scale_invariant_log(depth, truth, self.invariance)

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """L1 between the depths, the mean over all pixels; there is no temperature to them."""
        return (self.predict(raw) - self.predict(taught)).abs().mean()

    def predict(self, raw: Tensor) -> Tensor:
        """Depths (n, 1, image_size, image_size)."""
        return F.softplus(self.enlarged(raw)) + NEAREST

    def valid(self, values: Tensor) -> Tensor:
        """As they are."""
        return values

    def arranged(self, values: Tensor) -> Tensor:
        """(n, H, W)."""
        return values.squeeze(1)

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """Depths."""
        axes = ("row", "column")
        return {
            self.target.kind.name: ExportedTensor(axes, "depth in the data's unit", None),
            "picture": ExportedTensor(axes, "depth in the network's picture", TOLERANCE),
        }

    def make_metrics(self) -> DepthMetrics:
        """Fresh metrics for one split."""
        return DepthMetrics(self.metrics)

    def make_curves(self) -> DepthCurves:
        """Fresh ones for one split."""
        return DepthCurves(CLOSE)

    def make_samples(self) -> HeadSamples | None:
        """Sums of the main metric's errors; there is none for ``rmse``."""
        return kept_means(depth_errors, METRICS[:-1], self.metrics[0])

    def record(self, prediction: Pixels) -> Mapping[str, Any]:
        """``depth``, an (H, W) float32 array, and its smallest and largest, None where unknown."""
        known = prediction[~np.isnan(prediction)]
        ends = (float(known.min()), float(known.max())) if known.size else (None, None)
        return {"depth": prediction, "nearest": ends[0], "farthest": ends[1]}
