"""What calibration changes, as plain numbers; nothing here imports torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures are looked for between these."""


@dataclass(frozen=True)
class TaskCalibration:
    """What a task's decisions are made with; as it stands nothing changes.

    Args:
        temperature: that logits are divided by; above 1 makes probabilities less extreme.
        thresholds: class to the score from which on it is there; other classes have the head's own.
    """

    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def of_classes(self, classes: Sequence[str], usual: float) -> tuple[float, ...]:
        """The thresholds of all classes, in their order.

        Args:
            classes: C names.
            usual: the head's own threshold.
        """
        return tuple(self.thresholds.get(name, usual) for name in classes)


@dataclass(frozen=True)
class Aim:
    """What thresholds are chosen by.

    Args:
        precision: the most recall with at least this precision, 0..1; None for the best F1.
    """

    precision: float | None = None
