"""``ensemble=weighted``."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from mtl.errors import UserError
from mtl.model.ensemble.base import Ensemble, mean
from mtl.model.ensemble.streams import split, together
from mtl.model.head.agreement import weighted_mean
from mtl.model.head.base import Head
from mtl.words import counted


class Weighted(Ensemble):
    """Decisions count by weights that are given.

    The weights are those of the streams or models; where there is a single stream, those of the
    copies. Copies of several streams count alike. Each stream learns by itself.

    Args:
        streams: see Ensemble.
        tasks: see Ensemble.
        weights: one per decision, in their order, at least 0, with sum 1 (to 1e-6).
        tta: see Ensemble.

    Raises:
        UserError: there is nothing to weigh, or the weights are not as said.
    """

    def __init__(
        self,
        streams: int,
        tasks: Sequence[str],
        weights: Sequence[float],
        tta: Sequence[float | str] = (),
    ) -> None:
        super().__init__(streams, tasks, tta)
        check_weights(weights, streams if streams > 1 else len(self.copies))
        self.weights = tuple(weights)

    def merged(self, task: str, head: Head, raw: Any) -> Any:
        """The weighted mean of the streams."""
        raws = split(raw, self.streams)
        if len(raws) == 1:
            return raws[0]
        weights = torch.tensor(self.weights, dtype=torch.float64)
        return together(raws, lambda own: weighted_mean(own, weights))

    def combine(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """The weighted mean."""
        return head.average(decisions, torch.tensor(self.weights, dtype=torch.float64))

    def combine_copies(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """The weighted mean, or a plain one where the weights are those of streams."""
        return mean(head, decisions) if self.streams > 1 else self.combine(task, head, decisions)


def check_weights(weights: Sequence[float], count: int) -> None:
    """Hold weights to what they must be.

    Args:
        weights: as the user gave them.
        count: of the decisions to be weighed.

    Raises:
        UserError: see Weighted.
    """
    said = f"ensemble.weights={_shown(weights)}"
    if count < 2:
        raise UserError(
            f"{said}: there is one decision and nothing to weigh; several come from views or "
            "branches, ensemble.tta=[...], or mtl eval runs=[...]"
        )
    if not isinstance(weights, list | tuple) or not all(_number(w) for w in weights):
        raise UserError(f"{said}: must be a list of numbers, such as [0.1,0.9]")
    if len(weights) != count:
        given = counted(len(weights), "weight")
        raise UserError(f"{said}: {given} for {count} decisions; give one for each")
    if min(weights) < 0:
        raise UserError(f"{said}: each must be at least 0")
    if not math.isclose(sum(weights), 1, rel_tol=0, abs_tol=1e-6):
        raise UserError(f"{said}: the sum is {sum(weights):g}, must be 1")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(weights: object) -> str:
    return f"[{','.join(map(str, weights))}]" if isinstance(weights, list | tuple) else str(weights)
