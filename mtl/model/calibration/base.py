"""What a head's decisions on a split say about its temperature and thresholds."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from mtl.data.batch import Labelled
from mtl.model.calibration.temperature import FittedTemperature
from mtl.model.calibration.thresholds import ChosenThreshold
from mtl.model.calibration.values import Aim, TaskCalibration


@dataclass(frozen=True)
class FittedTask:
    """What was found for a task.

    Args:
        temperature: with what it does; None where the head has no logits of its probabilities.
        thresholds: one for each class; none where nothing is decided by a threshold.
        note: why there is no temperature.
    """

    temperature: FittedTemperature | None = None
    thresholds: Sequence[ChosenThreshold] = ()
    note: str = ""

    @property
    def calibration(self) -> TaskCalibration:
        """What decisions are made with from now on."""
        return TaskCalibration(
            1.0 if self.temperature is None else self.temperature.value,
            {chosen.name: chosen.threshold for chosen in self.thresholds if not chosen.note},
        )


class HeadCalibrator(nn.Module, ABC):
    """Looks at one task's decisions over one split, in one process."""

    @abstractmethod
    def update(self, prediction: Any, labels: Labelled) -> None:
        """Keep what is needed of one batch.

        Args:
            prediction: what ``Head.predict`` returned for the labelled samples.
            labels: their targets; ``labels.index`` is to be ignored here.
        """

    @abstractmethod
    def fit(self, aim: Aim) -> FittedTask | None:
        """Find temperature and thresholds; None where no sample says anything."""
