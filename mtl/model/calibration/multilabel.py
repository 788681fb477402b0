"""Any number of classes per image."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.calibration.base import FittedTask, HeadCalibrator
from mtl.model.calibration.temperature import fit_sigmoid
from mtl.model.calibration.tempered import sigmoid_at
from mtl.model.calibration.thresholds import choose
from mtl.model.calibration.values import Aim
from mtl.model.curves.kept import Kept


class MultilabelCalibrator(HeadCalibrator):
    """One temperature for all (n, C) probabilities, and then a threshold for each class.

    Unknown entries don't count. The thresholds are of the probabilities at that temperature.

    Args:
        classes: C names.
        usual: the head's own threshold.
    """

    def __init__(self, classes: Sequence[str], usual: float) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.usual = usual
        shape = (len(classes),)
        self.kept = Kept({"scores": (torch.float32, shape), "truth": (torch.int8, shape)})

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Keep (n, C) probabilities, and 1, 0 or -1 for unknown."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(scores=prediction, truth=labels.value)

    def fit(self, aim: Aim) -> FittedTask | None:
        """Temperature and thresholds."""
        rows = self.kept.rows()
        scores, truth = rows["scores"], rows["truth"]
        known, yes = truth >= 0, truth == 1
        if not known.any():
            return None
        temperature = fit_sigmoid(scores[known], yes[known])
        tempered = sigmoid_at(torch.from_numpy(scores), temperature.value).numpy()
        thresholds = []
        for index, name in enumerate(self.classes):
            own = known[:, index]
            there = yes[own, index]
            every = len(there) > 0 and bool(there.all())
            chosen = choose(
                name,
                tempered[own, index],
                there,
                support=int(there.sum()),
                usual=self.usual,
                aim=aim,
                note="on all images of this split" if every else "",
            )
            thresholds.append(chosen)
        return FittedTask(temperature, thresholds)
