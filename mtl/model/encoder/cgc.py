"""``encoder=cgc``."""

from collections.abc import Callable, Sequence

from mtl.model.backbone.base import Backbone
from mtl.model.encoder.gated_experts import GatedExperts
from mtl.model.views.base import Views


class CGC(GatedExperts):
    """Customized gate control, the one-level PLE (Tang et al., 2020), with backbones as experts.

    Every task takes from the shared experts and from its own; its features at each stride are the
    sum of theirs, weighted for each image by its own softmax gate. What gates see:
    ``GatedExperts``.

    Args:
        shared_experts: how many all tasks take from.
        task_experts: how many each task has for itself.
        at: the first stage that each expert has for itself, the stages before it being shared;
            None: experts are whole backbones.

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
        at: str | None = None,
    ) -> None:
        askers: dict[str, Sequence[str]] = {f"shared{n}": tasks for n in range(shared_experts)}
        for task in tasks:
            # An underscore, so that a task named ``shared`` doesn't collide.
            askers |= {f"{task}_{n}": (task,) for n in range(task_experts)}
        super().__init__(make_backbone, tasks, views, askers, at)
