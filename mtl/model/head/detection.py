"""Many objects per image: FCOS over a feature pyramid."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork, sigmoid_focal_loss

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.data.tile import Tile
from mtl.drawing.marks import draw_boxes
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.calibration.detection import DetectionCalibrator
from mtl.model.curves.detection import DetectionCurves
from mtl.model.curves.overlap import Overlap, of_boxes
from mtl.model.head.base import Head
from mtl.model.head.box_fusion import completed, supported, weighted_boxes_fusion
from mtl.model.head.detection_metrics import COCO_NAMES, DetectionMetrics
from mtl.model.head.detection_parity import Cut, detection_differences
from mtl.model.head.detections import DetectionBatch, Detections
from mtl.model.head.exported import BOX_TOLERANCE, Arrays, Deviation, ExportedTensor
from mtl.model.head.fcos_targets import Assignment, Points, assign, orphans, to_find
from mtl.model.head.losses import giou_loss
from mtl.model.head.options import check_names, check_per_class, check_range
from mtl.model.head.pyramid_decoder import narrow_pyramid
from mtl.model.head.soft_losses import binary_divergence
from mtl.model.samples.base import HeadSamples
from mtl.model.samples.columns import detection_columns
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import boxes_back

RAW = ("cls_logits", "bbox_regression", "bbox_ctrness")
"""The parts of the raw output."""
NORM_GROUPS = 32
"""Of the group normalisation inside torchvision's FCOS head."""
FIRST_SIDE = 2.0
"""From a point to each side of its box before anything is learned, in strides."""


class Detection(Head):
    """Fully convolutional one-stage detection (FCOS; Tian et al., 2019) with torchvision's parts.

    ``forward`` returns for the P points of the pyramid's levels, from fine to coarse and row by
    row, ``cls_logits`` (n, P, C), ``bbox_regression`` (n, P, 4), the distances left, top, right,
    bottom in strides, and ``bbox_ctrness`` (n, P, 1), a logit. ``predict`` returns a batch of n
    ``Detections``.

    Args:
        target: boxes.
        stages: the features on offer.
        image_size: pixels.
        metrics: of ``map``, ``map50``, ``recall``.
        per_class: add the metric ``map_<class>`` for each class.
        strides: the pyramid's levels. Those that the backbone doesn't offer are dropped; the
            finest level that is left answers for all small and the coarsest for all large objects.
        channels: of the pyramid and the head, a multiple of 32.
        convs: how many in each of the head's two branches, before the output.
        focal_alpha: weight of positive against negative points, 0..1 (Lin et al., 2017).
        focal_gamma: how much easy points are played down, 0 for not at all.
        class_weights: C factors of the classification loss, or None for ones.
        score_threshold: candidates that score less are dropped.
        candidates: how many of an image's best go into non-maximum suppression.
        nms: IoU above which two boxes of a class are one object.
        detections: per image at most.
        draw_threshold: score from which on a detection is drawn, unless its class has another one.

    Raises:
        UserError: an option out of its range, or none of the strides on offer.
    """

    whole_objects = True
    may_leave_out = True
    coco_key = "detections"
    batches: ClassVar[type[DetectionBatch]] = DetectionBatch
    """Of which type decisions are."""

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = ("map", "map50", "recall"),
        per_class: bool = False,
        strides: Sequence[int] = (8, 16, 32),
        channels: int = 64,
        convs: int = 2,
        focal_alpha: float = 0.25,
        focal_gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
        score_threshold: float = 0.05,
        candidates: int = 1000,
        nms: float = 0.6,
        detections: int = 100,
        draw_threshold: float = 0.5,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("detection", "metrics", self.metrics, tuple(COCO_NAMES))
        levels = [s for s in sorted(stages, key=lambda s: s.stride) if s.stride in strides]
        if not levels:
            offered = ", ".join(str(stage.stride) for stage in stages)
            raise UserError(f"detection.strides={list(strides)}: not on offer; allowed: {offered}")
        if channels < NORM_GROUPS or channels % NORM_GROUPS:
            raise UserError(f"detection.channels={channels}: allowed: multiples of {NORM_GROUPS}")
        infinity = float("inf")
        for option, value, low, high in (
            ("convs", convs, 0, infinity),
            ("focal_alpha", focal_alpha, 0, 1),
            ("focal_gamma", focal_gamma, 0, infinity),
            ("score_threshold", score_threshold, 0, 1),
            ("candidates", candidates, 1, infinity),
            ("nms", nms, 0, 1),
            ("detections", detections, 1, infinity),
            ("draw_threshold", draw_threshold, 0, 1),
        ):
            check_range("detection", option, value, low, high)
        check_per_class("detection", "class_weights", class_weights, target.classes)
        self.per_class = per_class
        self.focal_alpha = focal_alpha
        self.focal_gamma = focal_gamma
        self.score_threshold = score_threshold
        self.candidates = candidates
        self.nms = nms
        self.detections = detections
        self.draw_threshold = draw_threshold
        self.strides = tuple(level.stride for level in levels)
        self.pyramid = FeaturePyramidNetwork([level.channels for level in levels], channels)
        self.outputs = FCOSHead(channels, 1, len(target.classes), convs)
        # Its last operation is a ReLU: sides that begin at 0 end there for good, in some networks.
        nn.init.constant_(self.outputs.regression_head.bbox_reg.bias, FIRST_SIDE)
        self.points = Points(self.strides, image_size)
        self.class_weights: Tensor
        weights = [1.0] * len(target.classes) if class_weights is None else list(class_weights)
        self.register_buffer("class_weights", torch.tensor(weights), persistent=False)

    @property
    def reads(self) -> tuple[int, ...]:
        """The pyramid's levels."""
        return self.strides

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        narrow_pyramid(self.pyramid, [kept[stride] for stride in self.strides])

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Run pyramid and branches; see the class for what comes out."""
        levels = OrderedDict((str(stride), features[stride]) for stride in self.strides)
        nothing = any(level.shape[0] == 0 for level in levels.values())
        if nothing:  # torchvision's head can't tell the shape of no rows
            levels = OrderedDict((k, x.new_zeros(1, *x.shape[1:])) for k, x in levels.items())
        maps = list(self.pyramid(levels).values())
        self.points.fit([(found.shape[-2], found.shape[-1]) for found in maps])
        raw = self.answers(maps)
        return {name: rows[:0] for name, rows in raw.items()} if nothing else raw

    def answers(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """What ``forward`` returns, of the pyramid's levels, (n, channels, h, w) each."""
        raw: dict[str, Tensor] = self.outputs(maps)
        return raw

    def loss(self, raw: dict[str, Tensor], labels: Labelled) -> Tensor:
        """Focal + GIoU + centerness, summed over the batch, per foreground point.

        Points on nothing but difficult objects take no part, nor do classes that were not looked
        for in an image, but for objects of theirs that are given nevertheless. The sum is divided
        by the number of images in which some class was looked for where that is larger, so that
        empty images still teach what background is, and a batch of many of them no more than a
        batch of one.
        """
        boxes = labels.value
        assert isinstance(boxes, BoxBatch)
        boxes = boxes.at_least_one()
        return self.found_loss(raw, boxes, assign(self.points, boxes))

    def found_loss(self, raw: dict[str, Tensor], boxes: BoxBatch, found: Assignment) -> Tensor:
        """``loss``, of objects whose points are known.

        Args:
            raw: output of ``forward``.
            boxes: of n images, with places for at least one object.
            found: which point answers for which.
        """
        logits, sides, centerness = full_precision_of(raw)
        # Every point has an object to look at, if a made-up one: how many points answer for a real
        # one is known on the GPU alone, and asking it would make the step wait.
        label = torch.where(found.foreground, boxes.labels.gather(1, found.object), -1)
        truth = boxes.xyxy.gather(1, found.object.unsqueeze(-1).expand(-1, -1, 4)).to(sides.dtype)
        truth = torch.where(found.foreground.unsqueeze(-1), truth, self.points.boxes(sides.dtype))

        classes = torch.arange(logits.shape[-1], device=logits.device)
        wanted = (label.unsqueeze(-1) == classes).to(logits.dtype)
        focal = sigmoid_focal_loss(logits, wanted, self.focal_alpha, self.focal_gamma)
        counted = (~found.ignored)[..., None] * self.class_weights.to(focal.dtype)
        images: Tensor | int = len(boxes)
        if boxes.looked_for is not None:
            counted = counted * (boxes.looked_for[:, None] | (wanted > 0))
            images = boxes.looked_for.any(dim=1).sum().clamp(min=1)
        position = giou_loss(self.points.decode(sides), truth)
        centered = F.binary_cross_entropy_with_logits(
            centerness, self.points.centerness(truth), reduction="none"
        )
        total: Tensor = (focal * counted).sum()
        total = total + ((position + centered) * found.foreground).sum()
        return total / found.foreground.sum().clamp(min=images)

    def distillation(
        self, raw: dict[str, Tensor], taught: dict[str, Tensor], temperature: float
    ) -> Tensor:
        """Divergence of class logits, Huber loss of the sides, divergence of centerness, by point.

        Nearly all points see background, of which there is little to be learnt. So class logits
        count by the likeliest class's probability, the teacher's or the student's, whichever is
        larger: what only the student sees is to be taken back. Sides and centerness count by the
        teacher's confidence, the square of the score that it decides by. The sum is divided by all
        of the teacher's confidence, which is what the foreground points are to ``loss``, and by the
        number of images where that is larger.
        """
        logits, sides, centerness = full_precision_of(raw)
        its_logits, its_sides, its_centerness = full_precision_of(taught)
        surer = torch.maximum(logits.detach(), its_logits).amax(-1).sigmoid()
        confidence = its_logits.amax(-1).sigmoid() * its_centerness.sigmoid()
        classes = binary_divergence(logits, its_logits, temperature).sum(-1)
        position = F.smooth_l1_loss(sides, its_sides, reduction="none").mean(-1)
        centered = binary_divergence(centerness, its_centerness, temperature)
        total = (classes * surer).sum() + ((position + centered) * confidence).sum()
        return total / confidence.sum().clamp(min=len(logits))

    def left_out(self, labels: Labelled) -> tuple[int, int]:
        """The objects whose points smaller ones have, and all that have to be found."""
        boxes = labels.value
        assert isinstance(boxes, BoxBatch)
        boxes = boxes.at_least_one().map(lambda part: part.to(self.points.center.device))
        without = orphans(assign(self.points, boxes), boxes)
        return int(without.sum()), int(to_find(boxes).sum())

    @torch.no_grad()
    def predict(self, raw: dict[str, Tensor]) -> DetectionBatch:
        """Decide: n images' detections in network pixels, clipped to the picture.

        A candidate's score is the geometric mean of its class's probability and its centerness.
        """
        return self.decided(raw)[0]

    def decided(self, raw: dict[str, Tensor]) -> tuple[DetectionBatch, Tensor]:
        """``predict``, and (n, R) which point each comes from."""
        candidates, spots = self.candidates_of(raw)
        kept = candidates.kept(self.nms, self.detections, len(self.target.classes))
        candidates = candidates.only(kept)
        order = candidates.order[:, : self.detections]
        return candidates.taken(order), spots.gather(1, order)

    def candidates_of(self, raw: dict[str, Tensor]) -> tuple[DetectionBatch, Tensor]:
        """The best of all points' answers, in ``candidates`` places, and (n, R) their points."""
        logits, sides, centerness = full_precision_of(raw)
        scores = (logits.sigmoid() * centerness.sigmoid().unsqueeze(-1)).sqrt_()
        classes = scores.shape[-1]
        most = min(self.candidates, scores.shape[1] * classes)
        scores, where = scores.flatten(1).topk(most)
        spots = where.div(classes, rounding_mode="floor")
        boxes = self.points.decode(sides).gather(1, spots[..., None].expand(-1, -1, 4))
        boxes = boxes.clamp(0, self.image_size)
        good = scores > self.score_threshold
        return DetectionBatch(boxes, scores, where % classes, good), spots

    @property
    def output_count(self) -> int:
        """Per point a logit for each class, four sides and the centerness."""
        return len(self.target.classes) + 5

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

    def put_together(self, raws: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Shares of a point's outputs: its class logits, then its sides, then its centerness."""
        whole = (
            super()
            .put_together(
                [torch.cat([raw[name] for name in RAW], dim=-1).movedim(-1, 1) for raw in raws]
            )
            .movedim(1, -1)
        )
        widths = [len(self.target.classes), 4, 1]
        return dict(zip(RAW, whole.split(widths, dim=-1), strict=True))

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
        if (labels >= len(self.target.classes)).any():
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


def full_precision_of(raw: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Class logits (n, P, C), sides (n, P, 4), centerness (n, P); float32 where it was less."""
    logits, sides, centerness = (
        raw[name].float() if raw[name].dtype in (torch.float16, torch.bfloat16) else raw[name]
        for name in RAW
    )
    return logits, sides, centerness.squeeze(-1)
