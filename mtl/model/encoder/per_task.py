"""``encoder=per_task``."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.views.base import Views


class PerTask(Encoder):
    """Backbones of its own for each task: independent networks.

    Args:
        make_backbone: see ``Encoder``.
        tasks: see ``Encoder``.
        views: see ``Encoder``.
        networks: how many each task has, at least 1. Each sees all V views, so that ``networks``
            times V streams come out: the views of the first network, those of the second, ...

    Raises:
        UserError: ``networks`` is less than 1.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        networks: int = 1,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        if networks < 1:
            raise UserError(f"encoder.networks={networks}: must be at least 1")
        self.networks = networks
        self.backbones = nn.ModuleDict(
            {task: nn.ModuleList(make_backbone() for _ in range(networks)) for task in tasks}
        )

    @property
    def streams(self) -> tuple[int, ...]:
        """All views once for each network."""
        return tuple(range(self.view_count)) * self.networks

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """Those of any of the backbones, which are all alike."""
        return self._of(self.tasks[0])[0].feature_stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``backbones.<task>.<network>.stages.<stage>.…``."""
        return parameter.split(".")[4]

    def forward(self, image: Tensor) -> dict[str, Features]:
        """One pass for each task and network, with all views stacked."""
        return {task: _stacked([net(image) for net in self._of(task)]) for task in self.tasks}

    def _of(self, task: str) -> list[Backbone]:
        return [cast(Backbone, net) for net in cast(nn.ModuleList, self.backbones[task])]


def _stacked(found: Sequence[Features]) -> Features:
    """Features of networks below each other."""
    if len(found) == 1:
        return found[0]
    return {stride: torch.cat([features[stride] for features in found]) for stride in found[0]}
