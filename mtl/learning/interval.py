"""Losses between two writes to the log, kept as tensors so that no step waits for them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mtl.errors import RunError


class Interval:
    """Running record of the task losses since the last ``flush``."""

    def __init__(self) -> None:
        self._steps: list[tuple[dict[str, Tensor], Tensor, list[str]]] = []
        self._checked = 0

    def add(self, losses: dict[str, Tensor], total: Tensor, ids: list[str]) -> None:
        """Remember a step.

        Args:
            losses: task to scalar loss.
            total: the combined loss.
            ids: of the batch's samples.
        """
        detached = {task: loss.detach() for task, loss in losses.items()}
        self._steps.append((detached, total.detach(), ids))

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on within an epoch has to know."""
        return {"steps": list(self._steps), "checked": self._checked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The counterpart."""
        self._steps, self._checked = list(state["steps"]), state["checked"]

    def to(self, device: torch.device) -> None:
        """Move what is remembered."""
        self._steps = [
            ({task: loss.to(device) for task, loss in losses.items()}, total.to(device), ids)
            for losses, total, ids in self._steps
        ]

    def not_finite(self) -> tuple[str, list[str]] | None:
        """The first task with a loss that is not finite since the last look, and its samples."""
        new, self._checked = self._steps[self._checked :], len(self._steps)
        if not new or bool(torch.isfinite(torch.stack([total for _, total, _ in new])).all()):
            return None
        for losses, _, ids in new:
            for task, loss in losses.items():
                if not bool(torch.isfinite(loss)):
                    return task, ids
        return " + ".join(new[0][0]), new[0][2]

    def check(self, when: str, last_good: str) -> None:
        """Stop a training whose loss is not finite.

        Args:
            when: epoch and step, for the message.
            last_good: the last good checkpoint, likewise.

        Raises:
            RunError: one since the last look is not; names the task and the samples.
        """
        bad = self.not_finite()
        if bad is None:
            return
        task, ids = bad
        shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
        raise RunError(
            f"the loss of task {task} is not finite in {when}; samples: {shown}; "
            f"last good checkpoint: {last_good} "
            "(a smaller lr or trainer.gradient_clip_val may help)"
        )

    def flush(self) -> dict[str, float]:
        """Mean of each task's loss and of the total, by full name; then start afresh."""
        values: dict[str, list[Tensor]] = {}
        for losses, total, _ in self._steps:
            for task, loss in losses.items():
                values.setdefault(f"train/{task}/loss", []).append(loss)
            values.setdefault("train/loss", []).append(total)
        self._steps.clear()
        self._checked = 0
        return {name: float(torch.stack(found).float().mean()) for name, found in values.items()}
