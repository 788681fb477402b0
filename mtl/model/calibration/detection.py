"""Many objects per image."""

from collections.abc import Sequence

from mtl.data.batch import Labelled
from mtl.model.calibration.base import FittedTask, HeadCalibrator
from mtl.model.calibration.thresholds import choose
from mtl.model.calibration.values import Aim
from mtl.model.curves.detection import DetectionCurves
from mtl.model.curves.overlap import Overlap, of_boxes
from mtl.model.head.detections import Detections


class DetectionCalibrator(HeadCalibrator):
    """A threshold for each class, by the detections that are of an object at IoU 0.5.

    Args:
        classes: C names.
        usual: the score from which on detections are drawn.
        lowest: the score that every detection exceeds.
        note: why the head has no temperature.
        overlap: of what the IoU is.
    """

    def __init__(
        self,
        classes: Sequence[str],
        usual: float,
        lowest: float,
        note: str,
        overlap: Overlap = of_boxes,
    ) -> None:
        super().__init__()
        self.usual = usual
        self.lowest = lowest
        self.note = note
        self.curves = DetectionCurves(classes, usual, overlap)

    def update(self, prediction: Sequence[Detections], labels: Labelled) -> None:
        """Match n images' detections with their objects."""
        self.curves.update(prediction, labels)

    def fit(self, aim: Aim) -> FittedTask | None:
        """The thresholds."""
        rows, objects = self.curves.matched()
        if not objects.any() and len(rows["label"]) == 0:
            return None
        thresholds = [
            choose(
                name,
                rows["score"][rows["label"] == index],
                rows["right"][rows["label"] == index] == 1,
                support=int(objects[index]),
                usual=self.usual,
                aim=aim,
                lowest=self.lowest,
            )
            for index, name in enumerate(self.curves.classes)
        ]
        return FittedTask(thresholds=thresholds, note=self.note)
