"""Which way the surface in each pixel faces."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.data.target.vector_map import orthogonal_part
from mtl.model.backbone.base import Features, Stage
from mtl.model.curves.dense import NormalsCurves
from mtl.model.head.dense import Decoder
from mtl.model.head.depth_losses import mean_of
from mtl.model.head.exported import ExportedTensor
from mtl.model.head.options import check_names
from mtl.model.head.pixel_means import PixelMeans, kept_means
from mtl.model.head.pixel_values import TOLERANCE, Pixels, PixelValues
from mtl.model.head.scores import quietly
from mtl.model.samples.base import HeadSamples
from mtl.model.views.placement import Placement
from mtl.model.views.resample import turn, turn_back

WITHIN = {"within_11": 11.25, "within_22": 22.5, "within_30": 30.0}
"""Degrees."""
METRICS = (*WITHIN, "mean_angle", "median_angle")
LOSSES = ("cosine", "l2")
BINS_PER_DEGREE = 100
TURNS = 4


def angles(prediction: Tensor, truth: Tensor) -> Tensor:
    """Degrees between vectors; 180 where nothing was predicted, NaN where the truth is unknown.

    Args:
        prediction: (n, 3, H, W).
        truth: (n, H, W, 3).

    Returns:
        (n, H, W).
    """
    said, there = F.normalize(prediction.float(), dim=1), F.normalize(truth.movedim(-1, 1), dim=1)
    # Not the arc cosine: of what is almost 1 half of the digits are lost.
    apart, along = (both.square().sum(1).sqrt() for both in (said - there, said + there))
    angle = torch.rad2deg(2 * torch.atan2(apart, along))
    return angle.nan_to_num(180).where(~there.isnan().any(1), torch.nan)


def normals_errors(prediction: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """See ``angles``: the angles themselves, and whether each is within so many degrees."""
    angle = angles(prediction, truth)
    known = ~angle.isnan()
    shares = {n: (angle < most).float().where(known, torch.nan) for n, most in WITHIN.items()}
    return {**shares, "mean_angle": angle}


class NormalsMetrics(PixelMeans):
    """Shares of pixels whose normal is right to so many degrees, mean and median angle in degrees.

    Over all known pixels of the split together (Eigen and Fergus, Predicting depth, surface normals
    and semantic labels with a common multi-scale convolutional architecture, 2015; Liu, Johns and
    Davison, 2019). The median is had from counts of hundredths of a degree, and is right to one.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names, normals_errors, METRICS[:-1])
        self.counts = _AngleCounts()

    def also(self, errors: Mapping[str, Tensor]) -> None:
        """Counts for the median."""
        self.counts.update(errors["mean_angle"])

    def finished(self, means: dict[str, Tensor]) -> dict[str, Tensor]:
        """With the median."""
        return means | {"median_angle": quietly(self.counts)}

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.counts.reset()


class _AngleCounts(Metric):
    """How many angles lie in each hundredth of a degree."""

    full_state_update = False
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        bins = torch.zeros(180 * BINS_PER_DEGREE, dtype=torch.int64)
        self.add_state("counts", bins, dist_reduce_fx="sum")

    def update(self, angle: Tensor) -> None:
        place = (angle[~angle.isnan()] * BINS_PER_DEGREE).long().clamp_(max=len(self.counts) - 1)
        self.counts = self.counts + torch.bincount(place, minlength=len(self.counts))

    def compute(self) -> Tensor:
        """The median; NaN of nothing."""
        below = self.counts.cumsum(0)
        if below[-1] == 0:
            return torch.tensor(math.nan, device=below.device)
        place = torch.searchsorted(below, (below[-1] + 1) // 2)
        return (place + 0.5) / BINS_PER_DEGREE


class Normals(PixelValues):
    """A unit vector for every pixel.

    ``forward`` gives vectors of any length; ``predict`` gives (n, 3, image_size, image_size) unit
    vectors in the frame of the target's kind.

    With views that are turned, a pixel's direction has to be had from its neighbours: fusion turns
    maps back, but what the features in a cell mean stays as it was seen.

    Args:
        target: ``normals``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``within_11``, ``within_22``, ``within_30``, ``mean_angle``, ``median_angle``.
        strides: see Dense.
        channels: see Dense.
        decoder: see Dense.
        loss: ``cosine``, 1 - cos of the angle (Liu, Johns and Davison, 2019, without the 1), or
            ``l2``, the squared distance of the vectors before they are brought to length 1.
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
        loss: Literal["cosine", "l2"] = "cosine",
    ) -> None:
        super().__init__(
            target=target,
            stages=stages,
            image_size=image_size,
            metrics=metrics,
            allowed=METRICS,
            outputs=3,
            strides=strides,
            channels=channels,
            decoder=decoder,
        )
        check_names("normals", "loss", [loss], LOSSES)
        self.kind_of_loss = loss
        self.equivariant = False

    def make_equivariant(self) -> None:
        """Take the mean over the four quarter turns of the features, each turned back.

        Averaged kernels would give the vectors no direction of their own.
        """
        self.equivariant = True

    def forward(self, features: Features) -> Tensor:
        """Vectors (n, 3, h, w) at the finest stride in use."""
        if not self.equivariant:
            return super().forward(features)
        found = []
        for quarters in range(TURNS):
            turned = {s: turn(features[s], quarters, False) for s in self.reads}
            vectors = turn_back(super().forward(turned), quarters, False)
            found.append(self.carried(vectors, Placement.turned(90 * quarters)))
        return torch.stack(found).mean(0)

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """As chosen, over the known pixels; 0 with gradient where all are unknown."""
        assert isinstance(labels.value, Tensor)
        vectors = self.enlarged(raw)
        truth = labels.value.movedim(-1, 1).to(vectors.dtype)
        known = ~truth.isnan().any(1)
        truth = truth.where(known.unsqueeze(1), 0)
        if self.kind_of_loss == "l2":
            return mean_of((vectors - truth).square().sum(1), known)
        return mean_of(_one_less_cosine(self.valid(vectors), truth), known)

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """1 - cos to the teacher's, the mean over all pixels; there is no temperature to them."""
        return _one_less_cosine(self.predict(raw), self.predict(taught)).mean()

    def predict(self, raw: Tensor) -> Tensor:
        """Unit vectors (n, 3, image_size, image_size)."""
        return self.valid(self.enlarged(raw))

    def valid(self, values: Tensor) -> Tensor:
        """At length 1."""
        return F.normalize(values, dim=1)

    def carried(self, values: Tensor, placement: Placement) -> Tensor:
        """Turned and mirrored with the picture."""
        linear = torch.tensor(placement.matrix, dtype=torch.float64)[None, :, :2]
        (a, b), (c, d) = orthogonal_part(linear)[0].tolist()
        x, y, z = values.unbind(1)
        return torch.stack([a * x + b * y, c * x + d * y, z], 1)

    def arranged(self, values: Tensor) -> Tensor:
        """(n, H, W, 3)."""
        return values.movedim(1, -1)

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """Normals."""
        axes = ("row", "column", "axis")
        meaning = "unit vectors: right, down, towards the camera"
        return {
            self.target.kind.name: ExportedTensor(axes, meaning, None),
            "picture": ExportedTensor(axes, f"{meaning}; in the network's picture", TOLERANCE),
        }

    def make_metrics(self) -> NormalsMetrics:
        """Fresh metrics for one split."""
        return NormalsMetrics(self.metrics)

    def make_curves(self) -> NormalsCurves:
        """Fresh ones for one split."""
        return NormalsCurves(WITHIN)

    def make_samples(self) -> HeadSamples | None:
        """Sums of the main metric's errors; there is none for the median."""
        return kept_means(normals_errors, METRICS[:-1], self.metrics[0])

    def record(self, prediction: Pixels) -> Mapping[str, Any]:
        """``normals``, an (H, W, 3) float32 array, and the mean of its vectors, None if unknown."""
        known = prediction[~np.isnan(prediction).any(-1)]
        mean = known.mean(0, dtype=np.float64).tolist() if len(known) else None
        return {"normals": prediction, "mean": mean}


def _one_less_cosine(one: Tensor, other: Tensor) -> Tensor:
    """1 - cos, (n, H, W), of unit vectors (n, 3, H, W); exactly 0 where they are the same."""
    return (one - other).square().sum(1) / 2
