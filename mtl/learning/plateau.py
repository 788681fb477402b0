"""Noticing that a metric has stopped getting better."""

import math
from typing import Any, Literal


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
