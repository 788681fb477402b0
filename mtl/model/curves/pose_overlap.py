"""How similar the poses of detections and objects are."""

from dataclasses import dataclass

import torch

from mtl.data.batch import BoxBatch
from mtl.data.poses import PoseBatch
from mtl.model.curves.matching import Floats
from mtl.model.head.detections import Detections
from mtl.model.head.keypoint_similarity import areas, similarity
from mtl.model.head.pose_detections import PoseDetections


@dataclass(frozen=True)
class PoseOverlap:
    """``of_boxes`` by keypoints: their similarity takes the place of IoU.

    Args:
        sigmas: of the K keypoints.
    """

    sigmas: tuple[float, ...]

    def __call__(self, found: Detections, truth: BoxBatch, row: int) -> Floats:
        """See ``of_boxes``."""
        assert isinstance(found, PoseDetections)
        assert isinstance(truth, PoseBatch)
        counted = truth.counted[row]
        points = truth.points[row][counted].double()
        overlap: Floats = similarity(
            found.points[:, None, :, :2].double(),
            points[..., :2],
            points[..., 2] > 0,
            areas(truth.xyxy[row][counted].double()),
            torch.tensor(self.sigmas, dtype=torch.float64),
        ).numpy()
        return overlap
