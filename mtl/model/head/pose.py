"""Many objects per image, with keypoints each: FCOS whose points tell where these are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.batch import BoxBatch
from mtl.data.poses import PoseBatch
from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.tile import Tile
from mtl.drawing.keypoints import draw_keypoints
from mtl.model.curves.overlap import Overlap
from mtl.model.curves.pose_overlap import PoseOverlap
from mtl.model.head.base import Head
from mtl.model.head.detection import Detection
from mtl.model.head.detections import DetectionBatch, Detections, taken
from mtl.model.head.exported import BOX_TOLERANCE, ExportedTensor
from mtl.model.head.fcos_outputs import confidence_of, full_precision_of
from mtl.model.head.fcos_targets import Assignment
from mtl.model.head.keypoint_similarity import areas, sigmas_of, similarity
from mtl.model.head.losses import full_precision
from mtl.model.head.options import check_range
from mtl.model.head.point_branch import PointBranch
from mtl.model.head.pose_detections import PoseDetectionBatch, PoseDetections
from mtl.model.head.pose_metrics import PoseMetrics
from mtl.model.head.soft_losses import binary_divergence
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import points_back

VISIBLE = 2
SHOWN = 0.5
"""How likely a keypoint is visible that is drawn and recorded as such."""
BETA = 0.01
"""Distance in square roots of an object's area below which it counts by its square."""
CENTRE = 0.5
"""COCO counts places from the middle of the first pixel."""


class Pose(Detection):
    """Detection whose objects have keypoints, by YOLO-Pose (Maji et al., 2022).

    Each point of the pyramid tells how far the K keypoints of its object are, in strides, as the
    centres of CenterNet do (Zhou, Wang and Krähenbühl, 2019), and whether each is visible.

    ``forward`` returns what ``Detection`` does and ``pose`` (n, P, K, 3), which are these distances
    to the right and down, and a logit. ``predict`` returns a batch of n ``PoseDetections``, their
    keypoints clipped to the picture.

    Args:
        channels: see ``Detection``.
        convs: see ``Detection``; also of the branch of keypoints.
        pose_weight: of the keypoints' loss beside those of classes and boxes, 0 or more.
        sigma: how far a keypoint may be off, in square roots of the object's area, greater than 0;
            COCO's own numbers take its place where all keypoints are COCO's.
        options: of ``Detection``.

    Raises:
        UserError: an option out of its range, or none of the strides on offer.
    """

    batches: ClassVar[type[DetectionBatch]] = PoseDetectionBatch
    sigmas: Tensor

    def __init__(
        self,
        *,
        channels: int = 64,
        convs: int = 2,
        pose_weight: float = 1.0,
        sigma: float = 0.1,
        **options: Any,
    ) -> None:
        super().__init__(channels=channels, convs=convs, **options)
        check_range("pose", "pose_weight", pose_weight, 0)
        check_range("pose", "sigma", sigma, 1e-3)
        self.pose_weight = pose_weight
        self.each_sigma = sigmas_of(self.target.points, sigma)
        self.register_buffer("sigmas", torch.tensor(self.each_sigma), persistent=False)
        self.branch = PointBranch(channels, convs, len(self.target.points))

    def answers(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """See the class."""
        return {**super().answers(maps), "pose": self.branch(maps)}

    def found_loss(self, raw: dict[str, Tensor], boxes: BoxBatch, found: Assignment) -> Tensor:
        """That of detection, and of the keypoints that are known.

        For each point that answers for an object with a known keypoint 1 - OKS, the distance, and
        the cross-entropy of which of these are visible. The sum is divided by the number of points.
        OKS alone teaches nothing of what is far off: it is 0 there, and its slope is. So distances
        count beside it (as with PETR; Shi et al., 2022).
        """
        assert isinstance(boxes, PoseBatch)
        loss = super().found_loss(raw, boxes, found)
        pose = full_precision(raw["pose"])
        points = taken(boxes.points, found.object).to(pose.dtype)
        known = (points[..., 2] > 0) & found.foreground.unsqueeze(-1)
        area = areas(taken(boxes.xyxy, found.object).to(pose.dtype))
        off = self._off(self._places(pose), points[..., :2], known, area)
        seen = (points[..., 2] == VISIBLE).to(pose.dtype)
        unsure = F.binary_cross_entropy_with_logits(pose[..., 2], seen, reduction="none")
        count = known.sum(-1)
        losses = (off + (unsure * known).sum(-1) / count.clamp(min=1)) * (count > 0)
        return loss + self.pose_weight * losses.sum() / (count > 0).sum().clamp(min=1)

    def _off(self, places: Tensor, truth: Tensor, known: Tensor, area: Tensor) -> Tensor:
        """1 - OKS, and the mean distance in square roots of the area; see ``similarity``."""
        similar = similarity(places, truth, known, area, self.sigmas.to(places.dtype))
        shares = (places - truth) / area.clamp(min=1).sqrt()[..., None, None]
        distance = F.smooth_l1_loss(shares, torch.zeros_like(shares), reduction="none", beta=BETA)
        return 1 - similar + (distance.sum(-1) * known).sum(-1) / known.sum(-1).clamp(min=1)

    def _places(self, pose: Tensor, spots: Tensor | None = None) -> Tensor:
        """(n, R, K, 2) pixels of the keypoints that points, (n, R), have said; of all P points."""
        center, stride = self.points.center, self.points.stride
        if spots is not None:
            center, stride = center[spots], stride[spots]
        away = pose[..., :2] * stride.to(pose.dtype)[..., None, None]
        return center.to(pose.dtype).unsqueeze(-2) + away

    def distillation(
        self, raw: dict[str, Tensor], taught: dict[str, Tensor], temperature: float
    ) -> Tensor:
        """That of detection, and of keypoints by the teacher's confidence, as of sides."""
        loss = super().distillation(raw, taught, temperature)
        _, its_sides, _ = full_precision_of(taught)
        confidence = confidence_of(taught)
        own, its = (full_precision(one["pose"]) for one in (raw, taught))
        known = torch.ones_like(its[..., 2], dtype=torch.bool)
        area = areas(self.points.decode(its_sides))
        off = self._off(self._places(own), self._places(its), known, area)
        unsure = binary_divergence(own[..., 2], its[..., 2], temperature).mean(-1)
        total = ((off + unsure) * confidence).sum() / confidence.sum().clamp(min=len(own))
        return loss + self.pose_weight * total

    @torch.no_grad()
    def predict(self, raw: dict[str, Tensor]) -> PoseDetectionBatch:
        """As detection, with the keypoints of what is left."""
        found, spots = self.decided(raw)
        pose = taken(full_precision(raw["pose"]), spots)
        places = self._places(pose, spots).clamp(0, self.image_size)
        points = torch.cat([places, pose[..., 2:].sigmoid()], -1).to(found.boxes.dtype)
        return PoseDetectionBatch(found.boxes, found.scores, found.labels, found.valid, points)

    def carry_back(
        self, decision: Sequence[Detections], placement: Placement
    ) -> PoseDetectionBatch:
        """Turned back, left and right exchanged where the copy was mirrored."""
        found = PoseDetectionBatch.of(decision)
        places = points_back(found.points[..., :2], placement, self.image_size)
        points = _moved(found.points, places)
        if placement.mirrored:
            points = points[:, :, torch.from_numpy(self.target.exchanged).to(points.device)]
        back = super().carry_back(replace(found, points=points), placement)
        assert isinstance(back, PoseDetectionBatch)
        return back

    def put_together(self, raws: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """As of detection; likewise shares of the keypoints."""
        poses = Head.put_together(self, [raw["pose"].transpose(1, 2) for raw in raws])
        return {**super().put_together(raws), "pose": poses.transpose(1, 2)}

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """As detection, and the keypoints."""
        axes = ("object", "keypoint")
        meaning = "probability that the keypoint is visible, not hidden"
        return {
            **super().exports,
            "points": ExportedTensor((*axes, "x, y"), "pixels", BOX_TOLERANCE),
            "visible": ExportedTensor(axes, meaning),
        }

    def in_original(self, found: DetectionBatch, frame: TensorFrame) -> DetectionBatch:
        """See ``Detection``."""
        assert isinstance(found, PoseDetectionBatch)
        points = _moved(found.points, frame.points_to_original(found.points[..., :2]))
        return super().in_original(replace(found, points=points), frame)

    def tensors(self, found: DetectionBatch) -> dict[str, Tensor]:
        """See ``exports``."""
        assert isinstance(found, PoseDetectionBatch)
        points = found.points * found.valid[..., None, None]
        return {**super().tensors(found), "points": points[..., :2], "visible": points[..., 2]}

    def from_exported(
        self, tensors: Mapping[str, Tensor], frame: Frame | None = None
    ) -> PoseDetectionBatch:
        """See ``exports``."""
        found = super().from_exported(tensors, frame)
        places = tensors["points"]
        if frame is not None:
            places = torch.from_numpy(frame.points_to_picture(places.numpy()))
        points = torch.cat([places, tensors["visible"].unsqueeze(-1)], -1)
        return PoseDetectionBatch(found.boxes, found.scores, found.labels, found.valid, points)

    @property
    def overlap(self) -> Overlap:
        """Keypoints."""
        return PoseOverlap(self.each_sigma)

    def make_metrics(self) -> PoseMetrics:
        """Fresh metrics for one split."""
        return PoseMetrics(self.metrics, self.target.classes, self.per_class, self.each_sigma)

    def to_original(self, prediction: Detections, frame: Frame) -> Detections:
        """Into the original image, clipped to it; what lies outside it altogether is dropped."""
        found = _posed(prediction)
        places = torch.from_numpy(frame.points_to_original(found.points[..., :2].numpy()))
        return super().to_original(replace(found, points=_moved(found.points, places)), frame)

    def _told_by(self, tile: Tile, seen: Detections) -> Detections:
        left, top, _, _ = tile.outer
        found = _posed(seen)
        points = found.points + torch.tensor([left, top, 0])
        return super()._told_by(tile, replace(found, points=points))

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Detections) -> npt.NDArray[np.uint8]:
        """Boxes, and the skeletons on them, hidden keypoints as rings."""
        points = _posed(prediction[self._sure(prediction)]).points.numpy()
        visible = points[..., 2] >= SHOWN
        boxed = super().draw(canvas, prediction)
        every = np.ones_like(visible)
        return draw_keypoints(boxed, points[..., :2], visible, every, self.target.lines)

    def record(self, prediction: Detections) -> Mapping[str, Any]:
        """As detection, with the ``keypoints`` of each in COCO's form, and once their names.

        In COCO's form are x, y and 2 for visible or 1 for hidden of each in a row; x and y count
        from the middle of the first pixel.
        """
        entries = super().record(prediction)["detections"]
        points = _posed(prediction).points.numpy().astype(np.float64)
        points[..., :2] = (points[..., :2] - CENTRE).round(4)
        points[..., 2] = np.where(points[..., 2] >= SHOWN, VISIBLE, 1)
        for entry, own in zip(entries, points, strict=True):
            entry["keypoints"] = own.ravel().tolist()
        return {"keypoints": list(self.target.points), "detections": entries}


def _posed(found: Detections) -> PoseDetections:
    assert isinstance(found, PoseDetections)
    return found


def _moved(points: Tensor, places: Tensor) -> Tensor:
    """Keypoints, (..., K, 3), in other places, (..., K, 2)."""
    return torch.cat([places, points[..., 2:]], -1)
