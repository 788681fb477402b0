"""``encoder=multi_branch``."""

from collections.abc import Callable, Sequence
from typing import cast

from torch import Tensor, nn

from mtl.config.nearest import nearest
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.stage_names import part
from mtl.model.views.base import Views


class MultiBranch(Encoder):
    """A stem in common and a tail of its own for each task (Caruana, 1997, with late branches).

    Features that the stem makes are the same tensors for all tasks.

    Args:
        make_backbone: see ``Encoder``.
        tasks: see ``Encoder``.
        views: see ``Encoder``.
        at: name of the tails' first stage; None for the last stage.

    Raises:
        UserError: the backbone has no such stage, or nothing is left to be shared before it.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        at: str | None = None,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        whole = make_backbone()
        place = _place([stage.name for stage in whole.description], at)
        stem, tail = whole.description[:place], whole.description[place:]
        self.trunk = part(whole, stem)
        # The first tail is the rest of the trunk's backbone.
        self.tails = nn.ModuleDict(
            {
                task: part(make_backbone() if number else whole, tail)
                for number, task in enumerate(tasks)
            }
        )
        self._description = whole.description
        self._feature_stages = whole.feature_stages

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """Those of the whole backbone."""
        return self._feature_stages

    @property
    def description(self) -> tuple[Stage, ...]:
        """The stages of the trunk, then those of a tail."""
        return self._description

    def stage_of(self, parameter: str) -> str:
        """The stage in ``trunk.stages.<stage>.…`` or ``tails.<task>.stages.<stage>.…``."""
        parts = parameter.split(".")
        return parts[2] if parts[0] == "trunk" else parts[3]

    def forward(self, image: Tensor) -> dict[str, Features]:
        """The trunk once, then each tail, with all views stacked."""
        x = image
        shared: Features = {}
        for stage in self.trunk.description:
            x = self.trunk.run(stage.name, x)
            shared[stage.stride] = x
        return {task: shared | cast(Features, tail(x)) for task, tail in self.tails.items()}


def _place(names: list[str], at: str | None) -> int:
    """Where the tails begin."""
    allowed = ", ".join(names[1:])
    if len(names) == 1:
        raise UserError(
            f"encoder=multi_branch: this backbone is one stage ({names[0]}), which can't be "
            "divided; choose another backbone, encoder=shared or encoder=per_task"
        )
    if at is None:
        return len(names) - 1
    if at not in names:
        hint = "".join(f" did you mean {near}?" for near in nearest(str(at), names[1:]))
        raise UserError(f"encoder.at={at}: no such stage;{hint} allowed: {allowed}")
    if at == names[0]:
        raise UserError(
            f"encoder.at={at}: nothing would be shared; allowed: {allowed}, or encoder=per_task"
        )
    return names.index(at)
