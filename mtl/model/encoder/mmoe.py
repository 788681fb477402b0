"""``encoder=mmoe``."""

from collections.abc import Callable, Sequence

from mtl.model.backbone.base import Backbone
from mtl.model.encoder.gated_experts import GatedExperts
from mtl.model.views.base import Views


class MMoE(GatedExperts):
    """Multi-gate mixture of experts (Ma et al., 2018), with backbones as experts.

    Every task takes from all experts; its features at each stride are the sum of theirs, weighted
    for each image by its own softmax gate. What gates see: ``GatedExperts``.

    Args:
        experts: how many.
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
        experts: int = 3,
        at: str | None = None,
    ) -> None:
        askers = {str(number): tasks for number in range(experts)}
        super().__init__(make_backbone, tasks, views, askers, at)
