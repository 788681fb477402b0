"""Losses between two writes to the log, kept as tensors so that no step waits for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Keys = list[list[tuple[int, int]]]


@dataclass(frozen=True)
class NotFinite:
    """A step whose loss is not finite.

    Args:
        task: whose loss it is; all of them where only their sum is not.
        ids: of the step's samples.
        keys: epoch and position of each sample of each of the step's batches.
        step: its number, from 1.
        later: how many steps have been taken since.
    """

    task: str
    ids: list[str]
    keys: Keys
    step: int
    later: int

    def message(self, epoch: int, last_good: str, folder: str | None) -> str:
        """What to say of it.

        Args:
            epoch: from 1, that it is in.
            last_good: the last good checkpoint.
            folder: of the run where the step was kept.
        """
        more = f" and {len(self.ids) - 8} more" if len(self.ids) > 8 else ""
        again = "" if folder is None else f"; mtl replay run={folder} goes through it again"
        return (
            f"the loss of task {self.task} is not finite in epoch {epoch}, step {self.step}; "
            f"samples: {', '.join(self.ids[:8])}{more}; last good checkpoint: {last_good} "
            f"(a smaller lr or trainer.gradient_clip_val may help{again})"
        )


class Interval:
    """Running record of the task losses since the last ``flush``."""

    def __init__(self) -> None:
        self._steps: list[tuple[dict[str, Tensor], Tensor, list[str], Keys, int]] = []
        self._checked = 0

    def add(
        self, losses: dict[str, Tensor], total: Tensor, ids: list[str], keys: Keys, step: int
    ) -> None:
        """Remember a step.

        Args:
            losses: task to scalar loss.
            total: the combined loss.
            ids: of the step's samples.
            keys: see ``NotFinite``.
            step: its number, from 1.
        """
        detached = {task: loss.detach() for task, loss in losses.items()}
        self._steps.append((detached, total.detach(), ids, keys, step))

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on within an epoch has to know."""
        return {"steps": list(self._steps), "checked": self._checked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The counterpart."""
        self._steps, self._checked = list(state["steps"]), state["checked"]

    def to(self, device: torch.device) -> None:
        """Move what is remembered."""
        self._steps = [
            ({t: loss.to(device) for t, loss in losses.items()}, total.to(device), ids, keys, step)
            for losses, total, ids, keys, step in self._steps
        ]

    def not_finite(self) -> NotFinite | None:
        """The first step since the last look with a loss that is not finite."""
        new, self._checked = self._steps[self._checked :], len(self._steps)
        if not new or bool(torch.isfinite(torch.stack([total for _, total, *_ in new])).all()):
            return None
        for place, (losses, _, ids, keys, step) in enumerate(new, 1):
            for task, loss in losses.items():
                if not bool(torch.isfinite(loss)):
                    return NotFinite(task, ids, keys, step, len(new) - place)
        losses, _, ids, keys, step = new[0]
        return NotFinite(" + ".join(losses), ids, keys, step, len(new) - 1)

    def flush(self) -> dict[str, float]:
        """Mean of each task's loss and of the total, by full name; then start afresh."""
        values: dict[str, list[Tensor]] = {}
        for losses, total, *_ in self._steps:
            for task, loss in losses.items():
                values.setdefault(f"train/{task}/loss", []).append(loss)
            values.setdefault("train/loss", []).append(total)
        self._steps.clear()
        self._checked = 0
        return {name: float(torch.stack(found).float().mean()) for name, found in values.items()}
