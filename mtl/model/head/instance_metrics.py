"""Mean average precision and recall of objects by their masks."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import BoxBatch
from mtl.data.instances import InstanceBatch
from mtl.data.masks import Crop
from mtl.model.head.detection_metrics import (
    DetectionMetrics,
    average_precision,
    countable,
    split,
)
from mtl.model.head.detections import Detections
from mtl.model.head.instance_detections import InstanceDetections
from mtl.model.head.run_lengths import run_lengths, whole_mask


class InstanceMetrics(DetectionMetrics):
    """As ``DetectionMetrics``, with the overlap of masks in place of boxes (COCO's ``segm``).

    So masks tell, too, which detections are of objects of a class that was not looked for. One that
    lies to a half in a difficult object's mask and is of no other object is left out: COCO's rule
    for crowds, at one threshold.

    Args:
        names: of ``map``, ``map50``, ``recall``.
        classes: class names.
        per_class: add ``map_<class>`` for each class that has an object.
        side: of the picture, pixels.
    """

    def __init__(
        self, names: Sequence[str], classes: Sequence[str], per_class: bool, side: int
    ) -> None:
        self.side = side
        super().__init__(names, classes, per_class)

    def make_precision(self, per_class: bool) -> Metric:
        """See ``DetectionMetrics``."""
        return _MaskPrecision(per_class, (self.side, self.side))


class _MaskPrecision(Metric):
    """MeanAveragePrecision over flat states, in which masks are run lengths."""

    full_state_update = False

    def __init__(self, per_class: bool, size: tuple[int, int]) -> None:
        super().__init__()
        self.per_class = per_class
        self.size = size
        for side in ("detected", "object"):
            for state in ("rows", "counts", "lengths", "bytes"):
                self.add_state(f"{side}_{state}", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Sequence[Detections], truth: BoxBatch) -> None:
        found = countable(prediction, truth)
        counted = truth.counted
        rows, crops = [], []
        for own in found:
            assert isinstance(own, InstanceDetections)
            rows.append(torch.stack([own.scores.float(), own.labels.float()], 1))
            crops.append(own.crops(self.size))
        self._keep("detected", rows, crops)
        rows, crops = [], []
        for row, labels in enumerate(truth.labels):
            assert isinstance(truth, InstanceBatch)
            rows.append(labels[counted[row]].float()[:, None])
            crops.append(truth.counted_masks(row))
        self._keep("object", rows, crops)

    def _keep(self, side: str, rows: list[Tensor], crops: list[list[Crop]]) -> None:
        """Flat and float32, since ranks without data gather an empty tensor of that kind."""
        masks = [run_lengths(crop, self.size) for own in crops for crop in own]
        for state, numbers in {
            "rows": torch.cat([row.flatten() for row in rows]) if rows else [],
            "counts": [len(row) for row in rows],
            "lengths": [len(mask) for mask in masks],
            "bytes": list(b"".join(masks)),
        }.items():
            kept = torch.as_tensor(numbers, dtype=torch.float32, device=self.device)
            getattr(self, f"{side}_{state}").append(kept)

    def compute(self) -> dict[str, Tensor]:
        metric = average_precision("segm", self.per_class)
        metric.update([], [])  # there may be no image
        detected, objects = self._images("detected", 2), self._images("object", 1)
        to_find = [n for n, (true, _) in enumerate(objects) if len(true)]
        if to_find and not any(len(said) for said, _ in detected):
            # torchmetrics measures nothing then, which is 0; one that is nowhere is 0 as well.
            first = objects[to_find[0]][0][:1]
            nowhere = torch.zeros(1, *self.size, dtype=torch.bool)
            detected[to_find[0]] = (torch.cat([torch.zeros_like(first), first], 1), nowhere)
        for (said, said_masks), (true, true_masks) in zip(detected, objects, strict=True):
            metric.update(
                [{"masks": said_masks, "scores": said[:, 0], "labels": said[:, 1].long()}],
                [{"masks": true_masks, "labels": true[:, 0].long()}],
            )
        values: dict[str, Tensor] = metric.compute()
        return values

    def _images(self, side: str, width: int) -> list[tuple[Tensor, Tensor]]:
        """Of each image the rows, (k, width), and the masks, (k, H, W) bool."""
        rows, counts, lengths, content = (
            getattr(self, f"{side}_{state}") for state in ("rows", "counts", "lengths", "bytes")
        )
        found = []
        masks = iter(split(content, lengths, 1))
        for own in split(rows, counts, width):
            whole = torch.zeros(len(own), *self.size, dtype=torch.bool)
            for place in range(len(own)):
                counts_of = bytes(next(masks).flatten().to(torch.uint8).tolist())
                whole[place] = torch.from_numpy(whole_mask(counts_of, self.size))
            found.append((own, whole))
        return found
