"""When a stage begins to train: pure functions of names and numbers."""

import math
from collections.abc import Sequence
from typing import Any, Literal


def evenly(stages: Sequence[str], epochs: int) -> dict[str, int]:
    """The head alone first, then one stage more after each of equally long spells.

    Stage k of n from the end trains after ``k * epochs // (n + 1)`` epochs, but the head has the
    first epoch for itself if there are two or more. With few epochs several stages come together.

    Args:
        stages: the one nearest to the image first.
        epochs: of the whole training.

    Returns:
        Stage to the number of epochs before it trains, each below ``epochs``.
    """
    spells = len(stages) + 1
    return {
        stage: min(epochs - 1, max(1, k * epochs // spells))
        for k, stage in enumerate(reversed(stages), start=1)
    }


def stepwise(stages: Sequence[str], every: int) -> dict[str, int]:
    """One stage more after every so many epochs, the last stage first.

    Args:
        stages: the one nearest to the image first.
        every: number of epochs.
    """
    return {stage: k * every for k, stage in enumerate(reversed(stages), start=1)}


class Plateau:
    """Notices that a metric has stopped getting better.

    Args:
        patience: values in a row without progress.
        min_delta: smaller progress is none.
    """

    def __init__(self, patience: int, min_delta: float) -> None:
        self.patience = patience
        self.min_delta = min_delta
        self.best: float | None = None
        self.waited = 0

    def reached(self, value: float, mode: Literal["min", "max"]) -> bool:
        """Whether this value ends the patience, which then begins anew.

        Args:
            value: of the metric; one that is not finite is no progress.
            mode: whether it is to become small or large.
        """
        sign = 1.0 if mode == "max" else -1.0
        better = self.best is None or sign * (value - self.best) > self.min_delta
        if math.isfinite(value) and better:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited < self.patience:
            return False
        self.waited = 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The counterpart."""
        self.best, self.waited = state["best"], state["waited"]
