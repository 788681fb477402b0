"""One box per image: the position of its largest object."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import box_convert

from mtl.data.batch import Batch, BoxBatch, Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Boxes, Target
from mtl.drawing.marks import draw_boxes
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.curves.box import BoxCurves
from mtl.model.head.base import Head
from mtl.model.head.box_errors import box_errors
from mtl.model.head.exported import BOX_TOLERANCE, ExportedTensor
from mtl.model.head.losses import full_precision
from mtl.model.head.options import check_names, check_range
from mtl.model.head.sample_means import SampleMeans
from mtl.model.narrow import narrow_inputs
from mtl.model.reproducible import averaged
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import box_columns
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import boxes_back

METRICS = ("iou", "mae", "mse", "recall50")
UNITS = ("share", "pixel")
SLOPE = 10.0
"""Of the loss where it is linear: a tenth of the picture's side more costs 1 more.

Untrained networks err by 0.17 of the side on the built-in images, at any image size, so that the
loss begins at 1.3, near those of the other heads, in nats.
"""


class Cells(nn.Module):
    """Means over ``grid`` by ``grid`` cells of a map."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, maps: Tensor) -> Tensor:
        """(n, C, h, w) in, (n, C, grid, grid) out."""
        return averaged(maps, (self.grid, self.grid))


class Box(Head):
    """Regression of one box, trained with the Huber loss (Huber, 1964; as in C-RMTL).

    Errors are shares of the picture's side, so that the loss is the same at any image size. It
    is the Huber loss over its delta, which is then ``|error| - delta / 2`` from delta on (the
    smooth L1 of Girshick, Fast R-CNN, 2015), times ``SLOPE``.

    ``forward`` returns (n, 4) logits of centre x, centre y, width and height as shares of the
    picture; ``predict`` returns (n, 4) xyxy pixels inside the picture, x1 < x2 and y1 < y2.

    Args:
        target: boxes; the largest object that is not difficult is the one to find. Where some
            classes were not looked for, it is the largest of those that are annotated.
        stages: the features on offer; the coarsest is used.
        image_size: pixels.
        metrics: of ``iou`` (mean intersection over union), ``mae`` and ``mse`` (mean absolute and
            squared error of the coordinates in pixels), ``recall50`` (share of images with an IoU
            of at least 0.5).
        channels: that the features are brought down to before they are laid side by side.
        grid: cells a side that the features are pooled to; a box can't be read off a global mean.
        hidden: width of the hidden layer.
        delta: error from which on the loss grows linearly instead of quadratically, greater
            than 0; at most 1 as a share.
        delta_unit: ``share`` of the picture's side, or ``pixel`` of the network's picture.

    Raises:
        UserError: an option out of its range.
    """

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = METRICS,
        channels: int = 32,
        grid: int = 4,
        hidden: int = 128,
        delta: float = 0.1,
        delta_unit: Literal["share", "pixel"] = "share",
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("box", "metrics", self.metrics, METRICS)
        for option, value in (("channels", channels), ("grid", grid), ("hidden", hidden)):
            check_range("box", option, value, 1)
        check_names("box", "delta_unit", [delta_unit], UNITS)
        if delta_unit == "share" and delta > 1:
            raise UserError(
                f"box.delta={delta:g}: a share of the picture's side is at most 1; "
                "box.delta_unit=pixel gives it in pixels"
            )
        check_range("box", "delta", delta, 1e-6)
        self.delta = delta if delta_unit == "share" else delta / image_size
        self.stride = self.stages[-1].stride
        self.regression = nn.Sequential(
            nn.Conv2d(self.stages[-1].channels, channels, kernel_size=1),
            nn.ReLU(),
            Cells(grid),
            nn.Flatten(),
            nn.Linear(channels * grid**2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 4),
        )

    def labels(self, batch: Batch, target_name: str) -> Labelled | None:
        """The largest object of each sample that has one that is not difficult.

        Returns:
            ``value`` is (n, 4) float xyxy pixels; None where no sample has such an object.
        """
        found = batch.targets.get(target_name)
        if found is None:
            return None
        # On the CPU, since which samples have a box decides how much there is to compute.
        boxes = found.on_cpu.value
        assert isinstance(boxes, BoxBatch)
        largest, which = _largest(boxes)
        rows = largest.nonzero().squeeze(1)
        if len(rows) == 0:
            return None
        chosen = Labelled(found.on_cpu.index[rows], boxes.xyxy[rows, which[rows]])
        return chosen.to(found.index.device, non_blocking=True)

    def wanted(self, truth: Boxes) -> Boxes:
        """The largest object, where there is one that is not difficult."""
        largest, which = _largest(BoxBatch.collate([truth]))
        kept = which[largest > 0].numpy()
        rows = truth.xyxy[kept], truth.labels[kept], truth.difficult[kept]
        return Boxes(*rows, within=truth.within, looked_for=truth.looked_for)

    def forward(self, features: Features) -> Tensor:
        """(n, 4) logits; see the class."""
        raw: Tensor = self.regression(features[self.stride])
        return raw

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """See the class; the mean over coordinates and samples."""
        assert isinstance(labels.value, Tensor)
        shares = self._shares(raw)
        truth = labels.value.to(shares.dtype) / self.image_size
        return SLOPE * F.smooth_l1_loss(shares, truth, beta=self.delta)

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """The loss with the teacher's box as the truth; a box has no temperature."""
        return SLOPE * F.smooth_l1_loss(self._shares(raw), self._shares(taught), beta=self.delta)

    @torch.no_grad()
    def predict(self, raw: Tensor) -> Tensor:
        """(n, 4) xyxy in network pixels."""
        return (self._shares(raw) * self.image_size).clamp(0, self.image_size)

    def _shares(self, raw: Tensor) -> Tensor:
        """(n, 4) xyxy in shares, not clipped, so that every coordinate keeps its gradient."""
        boxes: Tensor = box_convert(full_precision(raw).sigmoid(), "cxcywh", "xyxy")
        return boxes

    @property
    def reads(self) -> tuple[int]:
        """The coarsest."""
        return (self.stride,)

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        narrow_inputs(self.regression[0], kept[self.stride])

    @property
    def output_count(self) -> int:
        """Centre x, centre y, width and height."""
        return 4

    def carry_back(self, decision: Tensor, placement: Placement) -> Tensor:
        """The upright box around the box turned back, clipped; exact for quarter turns."""
        return boxes_back(decision, placement, self.image_size)

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The box."""
        return {"box": ExportedTensor(("x1, y1, x2, y2",), "pixels", BOX_TOLERANCE)}

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``."""
        return {"box": prediction if frame is None else frame.boxes_to_original(prediction)}

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Frame | None = None) -> Tensor:
        """The box."""
        box = tensors["box"]
        return box if frame is None else torch.from_numpy(frame.boxes_to_picture(box.numpy()))

    def make_metrics(self) -> SampleMeans:
        """Fresh metrics for one split."""
        return SampleMeans(self.metrics, box_errors)

    def make_curves(self) -> BoxCurves:
        """Fresh ones for one split."""
        return BoxCurves()

    def make_samples(self) -> HeadSamples:
        """Each image's value of the main metric, its IoU, and the boxes."""
        columns = partial(box_columns, metric=self.metrics[0], side=self.image_size)
        return HeadSamples("values", columns)

    def unbatch(self, prediction: Tensor) -> list[Tensor]:
        """(4,) per sample, on the CPU."""
        return list(prediction.cpu())

    def to_original(self, prediction: Tensor, frame: Frame) -> Tensor:
        """(4,) in the original image, clipped to it."""
        return torch.from_numpy(frame.boxes_to_original(prediction.float().numpy()[None]))[0]

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Tensor) -> npt.NDArray[np.uint8]:
        """The box without a caption: it has no class."""
        return draw_boxes(canvas, prediction.numpy()[None], [""], [0])

    def record(self, prediction: Tensor) -> Mapping[str, Any]:
        """``box``: x, y, width, height in pixels."""
        x1, y1, x2, y2 = prediction.tolist()
        return {"box": [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]}


def _largest(boxes: BoxBatch) -> tuple[Tensor, Tensor]:
    """(n,) area of the largest object that is not difficult, 0 without one, and (n,) its place."""
    boxes = boxes.at_least_one()
    area = (boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]).prod(dim=-1)
    largest, which = area.masked_fill(~boxes.valid | boxes.difficult, 0).max(dim=1)
    return largest, which
