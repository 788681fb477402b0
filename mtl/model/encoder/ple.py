"""``encoder=ple``."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features
from mtl.model.encoder.experts import ExpertEncoder, mixture, weighted_sum
from mtl.model.views.base import Views

SHARED = ""
"""Whose experts all tasks ask; no task's name."""


class PLE(ExpertEncoder):
    """Progressive layered extraction (Tang et al., 2020), with stages of backbones as experts.

    ``CGC`` at several levels. At each level every task has experts of its own, which go on with the
    task's map, and there are shared experts, which go on with a map of their own. A task's next map
    is the sum of what its experts and the shared ones say, weighted for each image by its softmax
    gate; the shared experts' next map is that of all experts, by a gate of theirs. Gates see the
    mean over the picture of the map that their asker goes on with; at the first level what those
    of ``ExpertEncoder`` see.

    An expert's stages come from one backbone over all levels, with its pre-trained weights.

    Args:
        shared_experts: how many all tasks take from, at each level.
        task_experts: how many each task has for itself, at each level.
        levels: the stages that levels begin with; those before the first are one stem that all
            share. None: each stage is a level.

    Raises:
        UserError: the backbone has no such stage.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        shared_experts: int = 1,
        task_experts: int = 1,
        levels: Sequence[str] | None = None,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        owners = [SHARED] * shared_experts + [task for task in tasks for _ in range(task_experts)]
        parts = self.divide(len(owners), "encoder.levels", levels)
        self.levels = nn.ModuleList()
        inputs = self.gate_inputs
        for number, experts in enumerate(parts, 1):
            self.levels.append(Level(experts, owners, inputs, last=number == len(parts)))
            inputs = experts[0].description[-1].channels

    def stage_of(self, parameter: str) -> str:
        """The stage in ``stem.stages.…`` or ``levels.<n>.experts.<n>.stages.<stage>.…``."""
        parts = parameter.split(".")
        if parts[0] == "stem":
            return parts[2]
        return parts[5] if parts[0] == "levels" and parts[2] == "experts" else "encoder"

    def forward(self, image: Tensor) -> dict[str, Features]:
        """Stem, and level by level each task's mixture."""
        features, x, seen = self.begin(image)
        askers = (*self.tasks, SHARED)
        maps, looks = dict.fromkeys(askers, x), dict.fromkeys(askers, seen)
        found = dict.fromkeys(self.tasks, features)
        for level in self.levels:
            mixed, maps = level(maps, looks)
            looks = maps
            found = {task: found[task] | mixed[task] for task in self.tasks}
        return found

    def gauges(self) -> dict[str, Tensor]:
        """``own/<level>/<task>``: share of a task's own experts in the last training step."""
        return {
            f"own/{number}/{task}": share
            for number, level in enumerate(self.levels, 1)
            for task, share in cast(Level, level).own_shares.items()
        }


class Level(nn.Module):
    """Experts, and the gates of all that ask them.

    Args:
        experts: of equal stages.
        owners: of each the task that alone asks it and whose map it goes on with, or ``SHARED``.
        inputs: channels of what gates see.
        last: whether no level follows that shared experts' next map would be for.
    """

    def __init__(
        self, experts: Sequence[Backbone], owners: Sequence[str], inputs: int, last: bool
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.owners = tuple(owners)
        self.strides = tuple(stage.stride for stage in experts[0].feature_stages)
        tasks = [task for task in dict.fromkeys(owners) if task != SHARED]
        self.gates = nn.ModuleDict(
            {task: nn.Linear(inputs, len(self.strides) * len(self.pool(task))) for task in tasks}
        )
        self.shared_gate = None if last else nn.Linear(inputs, len(experts))
        self.own_shares: dict[str, Tensor] = {}

    def pool(self, task: str) -> list[int]:
        """The experts that a task asks: the shared ones, then its own."""
        return [number for number, owner in enumerate(self.owners) if owner in (SHARED, task)]

    def forward(
        self, maps: Mapping[str, Tensor], looks: Mapping[str, Tensor]
    ) -> tuple[dict[str, Features], dict[str, Tensor]]:
        """One level.

        Args:
            maps: task or ``SHARED`` to the (B, C, h, w) that its experts go on with.
            looks: likewise what the gates see.

        Returns:
            Task to its mixture at each stride, and who goes on with which map.
        """
        said = [
            cast(Features, expert(maps[owner]))
            for expert, owner in zip(self.experts, self.owners, strict=True)
        ]
        mixed = {task: self._ask(task, looks[task], said) for task in self.gates}
        coarsest = self.strides[-1]
        following = {task: found[coarsest] for task, found in mixed.items()}
        if self.shared_gate is not None:
            shares = self.shared_gate(looks[SHARED].mean((-2, -1))).softmax(-1)
            following[SHARED] = weighted_sum(shares.unbind(1), [f[coarsest] for f in said])
        return mixed, following

    def _ask(self, task: str, seen: Tensor, said: Sequence[Features]) -> Features:
        pool = self.pool(task)
        logits: Tensor = self.gates[task](seen.mean((-2, -1)))
        weights = torch.unflatten(logits, -1, (len(self.strides), len(pool))).softmax(-1)
        if self.training:
            shared = self.owners.count(SHARED)  # which come first
            self.own_shares[task] = weights.detach()[..., shared:].sum(-1).mean()
        return mixture(weights, self.strides, [said[number] for number in pool])
