"""Many objects per image, with a mask each: FCOS with conditional kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.data.instances import InstanceBatch
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.tile import Tile
from mtl.drawing.instances import draw_instances
from mtl.model.curves.mask_overlap import MaskOverlap
from mtl.model.curves.overlap import Overlap
from mtl.model.head.conditional_masks import ConditionalMasks, mask_logits
from mtl.model.head.detection import Detection
from mtl.model.head.detections import DetectionBatch, Detections, taken
from mtl.model.head.exported import ExportedTensor
from mtl.model.head.fcos_outputs import confidence_of, full_precision_of
from mtl.model.head.fcos_targets import Assignment, to_find
from mtl.model.head.instance_detections import (
    InstanceDetectionBatch,
    InstanceDetections,
    at_places,
    cells,
)
from mtl.model.head.instance_metrics import InstanceMetrics
from mtl.model.head.losses import full_precision
from mtl.model.head.options import check_range
from mtl.model.head.run_lengths import run_lengths
from mtl.model.head.soft_losses import binary_divergence
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import boxes_back, boxes_there

GROWN = 1.2
"""So much larger than its box is what of an object is looked at in training: ends are learnt."""
TAUGHT = 20
"""Points of an image whose masks a student learns."""


class Instance(Detection):
    """Detection whose objects have masks, by CondInst (Tian, Shen and Chen, 2020).

    Each point of the pyramid makes the kernels for its object's mask (``ConditionalMasks``). Masks
    are looked at where they are needed, at the centres of G by G cells of a box: in training of the
    true box, a fifth larger, by the Dice loss; in ``predict`` of the boxes that are left.

    ``forward`` returns what ``Detection`` does, ``kernels`` (n, P, 169) and ``mask_features``
    (n, 8, h, w). ``predict`` returns a batch of n ``InstanceDetections``.

    Args:
        channels: see ``Detection``.
        grid: G, 2 or more.
        mask_weight: of the masks' loss beside those of classes and boxes, 0 or more.
        options: of ``Detection``.

    Raises:
        UserError: an option out of its range, or none of the strides on offer.
    """

    batches: ClassVar[type[DetectionBatch]] = InstanceDetectionBatch

    def __init__(
        self, *, channels: int = 64, grid: int = 28, mask_weight: float = 1.0, **options: Any
    ) -> None:
        super().__init__(channels=channels, **options)
        check_range("instance", "grid", grid, 2)
        check_range("instance", "mask_weight", mask_weight, 0)
        self.grid = grid
        self.mask_weight = mask_weight
        self.masks = ConditionalMasks(channels)

    def answers(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """See the class."""
        return {**super().answers(maps), **self.masks(maps)}

    def found_loss(self, raw: dict[str, Tensor], boxes: BoxBatch, found: Assignment) -> Tensor:
        """That of detection, and 1 - Dice of each object's mask (Milletari et al., 2016).

        The mask is that of the point which is surest of the object. An object that hides between
        the cells' centres, or has no point, takes no part.
        """
        assert isinstance(boxes, InstanceBatch)
        loss = super().found_loss(raw, boxes, found)
        logits, _, centerness = full_precision_of(raw)
        label = boxes.labels.gather(1, found.object).clamp(min=0)
        own = logits.detach().gather(2, label.unsqueeze(-1)).squeeze(-1)
        score = own.sigmoid() * centerness.detach().sigmoid()
        n, most = boxes.labels.shape
        objects = torch.arange(most, device=score.device)
        owned = found.foreground.unsqueeze(1) & (found.object.unsqueeze(1) == objects[:, None])
        best, spots = score.unsqueeze(1).where(owned, -1).max(2)
        middle = (boxes.xyxy[..., :2] + boxes.xyxy[..., 2:]) / 2
        half = (boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]) * (GROWN / 2)
        places = cells(torch.cat([middle - half, middle + half], -1).to(logits.dtype), self.grid)
        said = self._logits(raw, spots, places).sigmoid()
        rows = torch.arange(n, device=score.device).repeat_interleave(most)
        x, y = places.flatten(0, 1).unbind(-1)
        truth = boxes.shown(rows, objects.repeat(n), x, y).view(said.shape).to(said.dtype)
        there = truth.sum(-1)
        counted = (best >= 0) & to_find(boxes) & (there > 0)
        both = (said * truth).sum(-1)
        dice = 1 - 2 * both / (said.square().sum(-1) + there).clamp(min=1e-6)
        return loss + self.mask_weight * (dice * counted).sum() / counted.sum().clamp(min=1)

    def _logits(self, raw: dict[str, Tensor], spots: Tensor, places: Tensor) -> Tensor:
        """(n, K, Q) of the masks of points, (n, K), at places, (n, K, Q, 2) pixels."""
        kernels, features = full_precision(raw["kernels"]), full_precision(raw["mask_features"])
        center = self.points.center[spots].to(kernels.dtype)
        stride = self.points.stride[spots].to(kernels.dtype)
        places = places.to(kernels.dtype)
        return mask_logits(taken(kernels, spots), features, places, center, stride, self.image_size)

    def distillation(
        self, raw: dict[str, Tensor], taught: dict[str, Tensor], temperature: float
    ) -> Tensor:
        """That of detection, and the divergence of the masks in the teacher's surest boxes."""
        loss = super().distillation(raw, taught, temperature)
        _, its_sides, _ = full_precision_of(taught)
        confidence = confidence_of(taught)
        sure, spots = confidence.topk(min(TAUGHT, confidence.shape[1]))
        boxes = taken(self.points.decode(its_sides), spots).clamp(0, self.image_size)
        places = cells(boxes, self.grid)
        own, its = (self._logits(one, spots, places) for one in (raw, taught))
        masks = binary_divergence(own, its, temperature).mean(-1)
        shares = (masks * sure).sum() / sure.sum().clamp(min=len(sure))
        return loss + self.mask_weight * shares

    @torch.no_grad()
    def predict(self, raw: dict[str, Tensor]) -> InstanceDetectionBatch:
        """As detection, with the masks of what is left."""
        found, spots = self.decided(raw)
        places = cells(found.boxes, self.grid)
        masks = self._logits(raw, spots, places).sigmoid()
        return self._with_masks(found, masks)

    def _with_masks(self, found: DetectionBatch, masks: Tensor) -> InstanceDetectionBatch:
        """(n, R, ...) of G by G probabilities."""
        masks = masks.reshape(*found.scores.shape, self.grid, self.grid).to(found.boxes.dtype)
        return InstanceDetectionBatch(found.boxes, found.scores, found.labels, found.valid, masks)

    def carry_back(
        self, decision: Sequence[Detections], placement: Placement
    ) -> InstanceDetectionBatch:
        """Boxes as detection does it, and of masks what lies in these."""
        found = InstanceDetectionBatch.of(decision)
        boxes = boxes_back(found.boxes, placement, self.image_size)
        corners = cells(boxes, self.grid)
        there = boxes_there(torch.cat([corners, corners], -1), placement, self.image_size)
        masks = at_places(found.masks, found.boxes, there[..., :2]).reshape(found.masks.shape)
        return replace(found, boxes=boxes, masks=masks).without_empty()

    def put_together(self, raws: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """As of detection; likewise shares of the kernels and of the features they look at."""
        parts: dict[str, Tensor] = super().put_together(raws)
        for name, axis in (("kernels", 2), ("mask_features", 1)):
            shares = [raw[name].tensor_split(len(raws), axis)[m] for m, raw in enumerate(raws)]
            parts[name] = torch.cat(shares, axis)
        return parts

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """As detection, and the masks in their boxes."""
        axes = ("object", "row", "column")
        meaning = "probability at the centres of equal cells of the object's box"
        return {**super().exports, "masks": ExportedTensor(axes, meaning, None)}

    def in_original(self, found: DetectionBatch, frame: TensorFrame) -> DetectionBatch:
        """See ``Detection``; masks are cut with their boxes."""
        start = torch.stack([frame.offset[1], frame.offset[0]])
        end = start + torch.stack([frame.content[1], frame.content[0]])
        low, high = (side.repeat(2).to(found.boxes) for side in (start, end))
        shown = torch.minimum(torch.maximum(found.boxes, low), high)
        return super().in_original(found.cut(shown), frame)

    def tensors(self, found: DetectionBatch) -> dict[str, Tensor]:
        """See ``exports``."""
        assert isinstance(found, InstanceDetectionBatch)
        return {**super().tensors(found), "masks": found.masks * found.valid[..., None, None]}

    def from_exported(
        self, tensors: Mapping[str, Tensor], frame: Frame | None = None
    ) -> InstanceDetectionBatch:
        """See ``exports``."""
        return self._with_masks(super().from_exported(tensors, frame), tensors["masks"])

    @property
    def overlap(self) -> Overlap:
        """Masks."""
        return MaskOverlap(self.image_size)

    def make_metrics(self) -> InstanceMetrics:
        """Fresh metrics for one split."""
        return InstanceMetrics(self.metrics, self.target.classes, self.per_class, self.image_size)

    def to_original(self, prediction: Detections, frame: Frame) -> Detections:
        """Into the original image; what lies outside it altogether is dropped."""
        part = frame.within(self.image_size)
        if part is not None:
            low, high = (torch.tensor(part[side : side + 2] * 2) for side in (0, 2))
            prediction = prediction.cut(prediction.boxes.float().maximum(low).minimum(high))
        found = super().to_original(prediction, frame)
        assert isinstance(found, InstanceDetections)
        return replace(found, size=(frame.height, frame.width))

    def from_tiles(self, predictions: Sequence[Detections], tiles: Sequence[Tile]) -> Detections:
        """As detection."""
        found = super().from_tiles(predictions, tiles)
        assert isinstance(found, InstanceDetections)
        _, _, width, height = tiles[-1].outer
        return replace(found, size=(height, width))

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Detections) -> npt.NDArray[np.uint8]:
        """Masks with their outlines below the boxes, where the score reaches the threshold."""
        assert isinstance(prediction, InstanceDetections)
        shown = prediction[self._sure(prediction)]
        crops = shown.crops((canvas.shape[0], canvas.shape[1]))
        tinted = draw_instances(canvas, crops, shown.labels.tolist(), [False] * len(shown))
        return super().draw(tinted, prediction)

    def record(self, prediction: Detections) -> Mapping[str, Any]:
        """As detection, with a ``segmentation`` of each in COCO's run lengths."""
        assert isinstance(prediction, InstanceDetections)
        size = prediction.size or (self.image_size, self.image_size)
        entries = super().record(prediction)["detections"]
        for entry, crop in zip(entries, prediction.crops(size), strict=True):
            counts = run_lengths(crop, size).decode("ascii")
            entry["segmentation"] = {"size": list(size), "counts": counts}
        return {"detections": entries}
