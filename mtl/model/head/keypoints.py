"""The keypoints of one object per image, as heat maps."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import Batch, Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.drawing.keypoints import draw_keypoints
from mtl.model.backbone.base import Features, Stage
from mtl.model.backbone.rotation import turn_filters
from mtl.model.head.base import Head
from mtl.model.head.exported import BOX_TOLERANCE, ExportedTensor
from mtl.model.head.heat_maps import energy, gaussians, peaks
from mtl.model.head.keypoint_errors import keypoint_errors
from mtl.model.head.losses import full_precision
from mtl.model.head.options import check_names, check_range
from mtl.model.head.pyramid_decoder import PyramidDecoder, upsample
from mtl.model.head.sample_means import SampleMeans
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import keypoint_columns
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import points_back

METRICS = ("pck", "nme")

Points = npt.NDArray[np.float32]
"""(K, 3) x, y in pixels and score."""


class Keypoints(Head):
    """A heat map for each keypoint (Xiao et al., Simple baselines for human pose estimation, 2018).

    They come from a light pyramid decoder and are trained to be Gaussians around the keypoints, by
    the squared error over that of an empty map: 1 where nothing was learnt. Unknown keypoints don't
    count. ``peaks`` finds places between the cells.

    ``forward`` gives (n, K, h, w) heat maps at the finest stride in use; ``predict`` gives
    (n, K, 3): x and y in pixels of the network's picture, and a score in 0..1, the map's height.

    Args:
        target: keypoints; of each image the largest object is the one to find, by the longer side
            of the box around its known keypoints.
        stages: the features on offer.
        image_size: pixels.
        metrics: of ``pck`` (share of the known keypoints that are within 0.2 of the object's size,
            as above, of their place) and ``nme`` (mean distance over the object's size), the means
            over images. An object of which one keypoint is known is as large as the picture.
        strides: of the features to use, as far as they are on offer; the finest one on offer where
            none is.
        channels: of the decoder.
        sigma: of the Gaussians, cells of the heat map, greater than 0.
        draw_threshold: score from which on a keypoint is drawn, 0..1.

    Raises:
        UserError: an option out of its range.
    """

    same_answers = False

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = METRICS,
        strides: Sequence[int] = (4, 8, 16, 32),
        channels: int = 64,
        sigma: float = 2.0,
        draw_threshold: float = 0.2,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("keypoints", "metrics", metrics, METRICS)
        check_range("keypoints", "channels", channels, 2)
        check_range("keypoints", "sigma", sigma, 0.1)
        check_range("keypoints", "draw_threshold", draw_threshold, 0, 1)
        self.sigma = sigma
        self.draw_threshold = draw_threshold
        used = [stage for stage in stages if stage.stride in strides] or [stages[0]]
        self.decoder = PyramidDecoder(used, channels, len(target.classes))

    def labels(self, batch: Batch, target_name: str) -> Labelled | None:
        """The largest object of each sample that has one of which a keypoint is known.

        Returns:
            ``value`` is (n, K, 3) float x, y, visibility; None where no sample has such an object.
        """
        found = batch.targets.get(target_name)
        if found is None:
            return None
        # On the CPU, since which samples have an object decides how much there is to compute.
        objects = found.on_cpu.value
        assert isinstance(objects, Tensor)
        sizes, which = _largest(objects)
        rows = (sizes >= 0).nonzero().squeeze(1)
        if len(rows) == 0:
            return None
        chosen = Labelled(found.on_cpu.index[rows], objects[rows, which[rows]])
        return chosen.to(found.index.device, non_blocking=True)

    def wanted(self, truth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The largest object, where there is one of which a keypoint is known."""
        sizes, which = _largest(torch.from_numpy(truth)[None])
        largest: npt.NDArray[np.float32] = truth[which[sizes >= 0].numpy()]
        return largest

    def make_equivariant(self) -> None:
        """As of segmentation: average the decoder's kernels over the quarter turns."""
        turn_filters(self.decoder, "mean", "views.equivariant=true")

    @property
    def reads(self) -> tuple[int, ...]:
        """The decoder's levels."""
        return self.decoder.strides

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        self.decoder.narrow(kept)

    def forward(self, features: Features) -> Tensor:
        """(n, K, h, w) heat maps."""
        maps: Tensor = self.decoder(features)
        return maps

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """See the class; the mean over the known keypoints."""
        truth = labels.value
        assert isinstance(truth, Tensor)
        maps = full_precision(raw)
        size = (maps.shape[-2], maps.shape[-1])
        cells = self._scaled(truth[..., :2].to(maps.dtype), maps, to_pixels=False)
        error = (maps - gaussians(cells, size, self.sigma)).square().sum((-2, -1))
        known = truth[..., 2] > 0
        return (error * known).sum() / energy(self.sigma) / known.sum().clamp(min=1)

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """The loss with the teacher's heat maps as the truth; they have no temperature."""
        own = full_precision(raw)
        wanted = upsample(full_precision(taught), own.shape[-2:])
        return (own - wanted).square().sum((-2, -1)).mean() / energy(self.sigma)

    @torch.no_grad()
    def predict(self, raw: Tensor) -> Tensor:
        """(n, K, 3); see the class."""
        maps = full_precision(raw)
        cells, heights = peaks(maps)
        places = self._scaled(cells, maps, to_pixels=True).clamp(0, self.image_size)
        return torch.cat([places, heights.clamp(0, 1).unsqueeze(-1)], -1)

    def _scaled(self, places: Tensor, maps: Tensor, to_pixels: bool) -> Tensor:
        """(..., 2) from cells of heat maps to pixels of the picture, or back."""
        height, width = maps.shape[-2:]
        # Numbers and no tensor of them, which a GPU would have to be sent.
        factors = [self.image_size / side for side in (width, height)]
        axes = zip(places.unbind(-1), factors, strict=True)
        scaled = [axis * f if to_pixels else axis / f for axis, f in axes]
        return torch.stack(scaled, -1)

    def average(self, decisions: Sequence[Tensor], weights: Tensor) -> Tensor:
        """The mean of each place, weighted by its score too, and the mean score."""
        every = torch.stack(list(decisions))
        shares = weights.to(every).view(-1, 1, 1, 1)
        # Where nobody sees a keypoint all count alike.
        scores = shares * every[..., 2:].clamp(min=1e-6)
        places = (scores * every[..., :2]).sum(0) / scores.sum(0)
        return torch.cat([places, (shares * every[..., 2:]).sum(0)], -1)

    def carry_back(self, decision: Tensor, placement: Placement) -> Tensor:
        """Turned back, left and right exchanged where the copy was mirrored."""
        places = points_back(decision[..., :2], placement, self.image_size)
        found = torch.cat([places, decision[..., 2:]], -1)
        if not placement.mirrored:
            return found
        return found[:, torch.from_numpy(self.target.exchanged).to(found.device)]

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The keypoints and their scores."""
        return {
            "points": ExportedTensor(("keypoint", "x, y"), "pixels", BOX_TOLERANCE),
            "scores": ExportedTensor(("keypoint",), "0..1"),
        }

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``."""
        places, scores = prediction[..., :2], prediction[..., 2]
        if frame is not None:
            places = frame.points_to_original(places)
        return {"points": places, "scores": scores}

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Frame | None = None) -> Tensor:
        """See ``exports``."""
        places = tensors["points"]
        if frame is not None:
            places = torch.from_numpy(frame.points_to_picture(places.numpy()))
        return torch.cat([places, tensors["scores"].unsqueeze(-1)], -1)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """From which score on keypoints are drawn."""
        return {"draw": self.draw_threshold}

    def make_metrics(self) -> SampleMeans:
        """Fresh metrics for one split."""
        return SampleMeans(self.metrics, partial(keypoint_errors, side=self.image_size))

    def make_samples(self) -> HeadSamples:
        """Each image's value of the main metric, and the share of keypoints found."""
        columns = partial(keypoint_columns, metric=self.metrics[0], side=self.image_size)
        return HeadSamples("values", columns)

    def unbatch(self, prediction: Tensor) -> list[Points]:
        """(K, 3) per sample."""
        return list(prediction.float().cpu().numpy())

    def to_original(self, prediction: Points, frame: Frame) -> Points:
        """Into the original image, clipped to it."""
        places = frame.points_to_original(prediction[:, :2])
        return np.concatenate([places, prediction[:, 2:]], 1)

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Points) -> npt.NDArray[np.uint8]:
        """Those whose score reaches the threshold, with the skeleton's lines."""
        shown = prediction[None, :, 2] >= self.draw_threshold
        return draw_keypoints(canvas, prediction[None, :, :2], shown, shown, self.target.lines)

    def record(self, prediction: Points) -> Mapping[str, Any]:
        """``keypoints``: a dict of keypoint, x, y in pixels from the corner, and score for each."""
        return {
            "keypoints": [
                {"keypoint": name, "x": round(x, 2), "y": round(y, 2), "score": score}
                for name, (x, y, score) in zip(
                    self.target.classes, prediction.tolist(), strict=True
                )
            ]
        }


def _largest(objects: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) the longer side of the largest object, -1 where none has a known keypoint; its place."""
    if not objects.shape[1]:
        return objects.new_full((len(objects),), -1), objects.new_zeros(len(objects)).long()
    known = (objects[..., 2] > 0).unsqueeze(-1)
    high = objects[..., :2].masked_fill(~known, -torch.inf).amax(2)
    low = objects[..., :2].masked_fill(~known, torch.inf).amin(2)
    return (high - low).amax(-1).clamp(min=-1).max(1)
