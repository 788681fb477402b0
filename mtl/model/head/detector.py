"""What becomes of the objects that a head finds in images, whatever network it finds them with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.data.tile import Tile
from mtl.drawing.marks import draw_boxes
from mtl.model.backbone.base import Stage
from mtl.model.calibration.detection import DetectionCalibrator
from mtl.model.curves.detection import DetectionCurves
from mtl.model.curves.overlap import Overlap, of_boxes
from mtl.model.head.base import Head
from mtl.model.head.box_fusion import completed, supported, weighted_boxes_fusion
from mtl.model.head.detection_metrics import COCO_NAMES, DetectionMetrics
from mtl.model.head.detection_parity import Cut, detection_differences
from mtl.model.head.detections import DetectionBatch, Detections
from mtl.model.head.exported import BOX_TOLERANCE, Arrays, Deviation, ExportedTensor
from mtl.model.head.options import check_names, check_range
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import detection_columns
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import boxes_back


class Detector(Head):
    """A head that decides where objects are: ``predict`` returns a batch of n ``Detections``.

    Here they are suppressed, fused, turned back, exported, measured, drawn and recorded; what finds
    them (``forward``, ``loss``, ``predict``) is the subclass's.

    Args:
        target: see Head.
        stages: see Head.
        image_size: see Head.
        metrics: of ``map``, ``map50``, ``recall``.
        per_class: add the metric ``map_<class>`` for each class.
        score_threshold: objects that score less are dropped, 0..1.
        nms: IoU above which two boxes of a class are one object, 0..1.
        detections: per image at most.
        draw_threshold: score from which on a detection is drawn, unless its class has another one.

    Raises:
        UserError: an option out of its range.
    """

    whole_objects = True
    coco_key = "detections"
    batches: ClassVar[type[DetectionBatch]] = DetectionBatch
    """Of which type decisions are."""

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str],
        per_class: bool,
        score_threshold: float,
        nms: float,
        detections: int,
        draw_threshold: float,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        name = type(self).__name__.lower()
        check_names(name, "metrics", self.metrics, tuple(COCO_NAMES))
        check_range(name, "score_threshold", score_threshold, 0, 1)
        check_range(name, "nms", nms, 0, 1)
        check_range(name, "detections", detections, 1)
        check_range(name, "draw_threshold", draw_threshold, 0, 1)
        self.per_class = per_class
        self.score_threshold = score_threshold
        self.nms = nms
        self.detections = detections
        self.draw_threshold = draw_threshold

    def average(self, decisions: Sequence[Sequence[Detections]], weights: Tensor) -> DetectionBatch:
        """Weighted boxes fusion, with ``nms`` as the IoU from which boxes are fused.

        What objects have beside boxes is the mean of what the fused ones have.
        """
        found = weighted_boxes_fusion(decisions, weights, self.nms, self.detections)
        return completed(found, [self.batches.of(own) for own in decisions], weights, self.nms)

    def vote(self, decisions: Sequence[Sequence[Detections]]) -> DetectionBatch:
        """The best boxes of all, as far as more than half of the detectors support them.

        What objects have beside boxes is the mean of what those have that support them.
        """
        found = supported(decisions, self.nms, self.detections, len(self.target.classes))
        equal = torch.full((len(decisions),), 1 / len(decisions))
        return completed(found, [self.batches.of(own) for own in decisions], equal, self.nms)

    def carry_back(self, decision: Sequence[Detections], placement: Placement) -> DetectionBatch:
        """Upright boxes around the boxes turned back, clipped; exact for quarter turns.

        What lies outside it altogether is dropped.
        """
        found = self.batches.of(decision)
        boxes = boxes_back(found.boxes, placement, self.image_size)
        return replace(found, boxes=boxes).without_empty()

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The objects, the best first, in as many places as there can be; ``count`` are taken."""
        return {
            "boxes": ExportedTensor(
                ("object", "x1, y1, x2, y2"), "pixels, 0 where there is no object", BOX_TOLERANCE
            ),
            "scores": ExportedTensor(("object",), "0..1, descending, 0 where there is no object"),
            "labels": ExportedTensor(
                ("object",), "index of the class, -1 where there is no object"
            ),
            "count": ExportedTensor((), "how many objects there are"),
        }

    def exported(
        self, prediction: Sequence[Detections], frame: TensorFrame | None
    ) -> dict[str, Tensor]:
        """See ``exports``."""
        found = self.batches.of(prediction)
        if frame is not None:
            found = self.in_original(found, frame).without_empty()
        return self.tensors(found)

    def in_original(self, found: DetectionBatch, frame: TensorFrame) -> DetectionBatch:
        """Objects in the pixels of their images, clipped to these."""
        return replace(found, boxes=frame.boxes_to_original(found.boxes))

    def tensors(self, found: DetectionBatch) -> dict[str, Tensor]:
        """What ``exports`` names of these objects."""
        return {
            "boxes": found.boxes * found.valid[..., None],
            "scores": found.scores * found.valid,
            "labels": torch.where(found.valid, found.labels, -1),
            "count": found.valid.sum(dim=1),
        }

    def from_exported(
        self, tensors: Mapping[str, Tensor], frame: Frame | None = None
    ) -> DetectionBatch:
        """See ``exports``."""
        boxes, scores, labels = (tensors[name] for name in ("boxes", "scores", "labels"))
        # A graph that goes on from these tensors can't look at their values.
        exporting = torch.compiler.is_exporting()
        if not exporting and (labels >= len(self.target.classes)).any():
            raise ValueError("labels without a class")
        if frame is not None:
            boxes = torch.from_numpy(frame.boxes_to_picture(boxes.numpy()))
        return DetectionBatch(boxes, scores, labels.clamp(min=0), labels >= 0)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """By which boxes were kept, and from which score on they are drawn."""
        return {
            "score": self.score_threshold,
            "overlap": self.nms,
            "most": self.detections,
            "draw": self.draw_threshold,
        }

    def differences(self, eager: Arrays, file: Arrays) -> Sequence[Deviation]:
        """Object by object; see ``detection_parity``."""
        cut = Cut(self.score_threshold, self.nms, self.detections)
        return detection_differences(eager, file, cut)

    @property
    def class_thresholds(self) -> tuple[float, ...]:
        """Scores."""
        return self.calibration.of_classes(self.target.classes, self.draw_threshold)

    def make_calibrator(self) -> DetectionCalibrator:
        """A threshold for each class."""
        return DetectionCalibrator(
            self.target.classes,
            self.draw_threshold,
            self.score_threshold,
            note="its score is no sigmoid of a logit",
            overlap=self.overlap,
        )

    @property
    def overlap(self) -> Overlap:
        """By what detections are matched with objects."""
        return of_boxes

    def make_metrics(self) -> DetectionMetrics:
        """Fresh metrics for one split."""
        return DetectionMetrics(self.metrics, self.target.classes, self.per_class)

    def make_curves(self) -> DetectionCurves:
        """Fresh ones for one split, the tables of what is drawn."""
        return DetectionCurves(self.target.classes, self.class_thresholds, self.overlap)

    def make_samples(self) -> HeadSamples:
        """Detections, matched with objects."""
        columns = partial(
            detection_columns,
            classes=len(self.target.classes),
            side=self.image_size,
            overlap=self.overlap,
        )
        return HeadSamples("detections", columns)

    def unbatch(self, prediction: Sequence[Detections]) -> list[Detections]:
        """Image by image, on the CPU."""
        return [found.cpu() for found in prediction]

    def to_original(self, prediction: Detections, frame: Frame) -> Detections:
        """Into the original image; what lies outside it altogether is dropped."""
        boxes = torch.from_numpy(frame.boxes_to_original(prediction.boxes.float().numpy()))
        inside = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        return replace(prediction, boxes=boxes)[inside]

    @property
    def joins_tiles(self) -> bool:
        """They can."""
        return True

    def from_tiles(self, predictions: Sequence[Detections], tiles: Sequence[Tile]) -> Detections:
        """Each tile's objects that are its to tell of; where two tell of one, the better box."""
        found = [self._told_by(tile, seen) for tile, seen in zip(tiles, predictions, strict=True)]
        union = self.batches.joined([self.batches.of([one]) for one in found])
        every = union.scores.shape[1]
        return union.suppressed(self.nms, every, len(self.target.classes))[0]

    def _told_by(self, tile: Tile, seen: Detections) -> Detections:
        left, top, _, _ = tile.outer
        boxes = seen.boxes + torch.tensor([left, top] * 2)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        own = torch.from_numpy(tile.answers_for(centres.numpy()))
        return replace(seen, boxes=boxes)[own]

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Detections) -> npt.NDArray[np.uint8]:
        """Boxes with ``name 0.87``, where the score reaches the threshold of the class."""
        shown = prediction[self._sure(prediction)]
        captions = [
            f"{self.target.classes[label]} {score:.2f}"
            for label, score in zip(shown.labels.tolist(), shown.scores.tolist(), strict=True)
        ]
        return draw_boxes(canvas, shown.boxes.numpy(), captions, shown.labels.tolist())

    def _sure(self, prediction: Detections) -> Tensor:
        """(k,) bool: whose scores reach the thresholds of their classes."""
        return prediction.scores >= torch.tensor(self.class_thresholds)[prediction.labels]

    def record(self, prediction: Detections) -> Mapping[str, Any]:
        """``detections``: COCO-style dicts of bbox (x, y, width, height), category and score."""
        return {
            "detections": [
                {
                    "bbox": [round(v, 4) for v in (x1, y1, x2 - x1, y2 - y1)],
                    "category_id": label,
                    "category": self.target.classes[label],
                    "score": score,
                }
                for (x1, y1, x2, y2), label, score in zip(
                    prediction.boxes.tolist(),
                    prediction.labels.tolist(),
                    prediction.scores.tolist(),
                    strict=True,
                )
            ]
        }
