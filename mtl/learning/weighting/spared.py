"""Layers of a stage whose gradients no task has to take by itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from mtl.learning.weighting.activation_gramian import Call, LayerWatch, layer_products
from mtl.learning.weighting.combined import owned, weighted
from mtl.learning.weighting.cut import Cut
from mtl.learning.weighting.gradient import GradientWeighting, GramianWeighting, Row
from mtl.learning.weighting.window import Found
from mtl.model.backbone.base import Backbone
from mtl.model.encoder.shared import Shared
from mtl.model.network import Network


@dataclass
class Spared:
    """What is known of them in one step.

    Args:
        calls: of the layers.
        entry: where gradients reach what goes into the measured stages; None where they are not
            known to be all that comes after it.
        before: how many of the features come before that.
        rows: each task's gradients at the calls, and at the entry.
    """

    calls: Sequence[Call] = ()
    entry: GradientEdge | None = None
    before: int = 0
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def places(self) -> list[GradientEdge]:
        """Where each task's gradient is needed."""
        edges = [call.edge for call in self.calls]
        return edges if self.entry is None else [*edges, self.entry]

    @property
    def parameters(self) -> set[int]:
        """Their ids."""
        return {id(p) for call in self.calls for p in call.parameters}

    def products(self, tasks: Sequence[str], like: Tensor) -> Tensor:
        """See ``layer_products``."""
        rows = [self.rows[task][: len(self.calls)] for task in tasks]
        return layer_products(self.calls, rows, like)

    def back(
        self, cut: Cut, row: Row, weights: Mapping[str, float], rest: Sequence[nn.Parameter]
    ) -> Found:
        """The weighted sum of the gradients at the layers and at what else is left.

        Args:
            cut: of this batch; its graph is used up.
            row: weighted sum at the features.
            weights: of the tasks.
            rest: parameters that no task has been through alone.
        """
        if self.entry is None:
            return owned(rest, cut.back(row, rest) if row else [None] * len(rest))
        sums = weighted(self.rows, dict(weights))
        found: Found = {}
        for call, gradient in zip(self.calls, sums, strict=False):
            if gradient is not None:
                found |= call.gradients(gradient)
        mine = self.parameters
        early = [p for p in rest if id(p) not in mine]
        start = None if sums[-1] is None else (self.entry, sums[-1])
        return found | owned(early, cut.back(row[: self.before], early, start=start))


class Sparing:
    """Finds the layers to be spared in each forward pass.

    Args:
        network: any.
        weighting: the method.
        measured: the parameters that it compares.
    """

    def __init__(
        self, network: Network, weighting: GradientWeighting, measured: Sequence[nn.Parameter]
    ) -> None:
        on = multiplies_only(network, weighting)
        self.watch = LayerWatch(network, measured) if on else None
        # In other encoders, there may be ways around the stages' input.
        self.stage: nn.Module | None = None
        self.before = 0
        encoder = network.encoder
        names = [stage.name for stage in encoder.description]
        first = min((names.index(name) for name in weighting.at if name in names), default=0)
        to_the_end = set(weighting.at) == set(names[first:])
        if on and first and to_the_end and type(encoder) is Shared:
            self.stage = encoder.backbone.stages[names[first]]
            places = [names.index(stage.name) for stage in encoder.feature_stages]
            self.before = sum(place < first - 1 for place in places)
        self.entry: GradientEdge | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """To be around the forward pass."""
        if self.watch is None:
            yield
            return
        self.entry = None
        stage = self.stage
        handle = stage.register_forward_pre_hook(self._keep) if stage is not None else None
        try:
            with self.watch.watching():
                yield
        finally:
            if handle is not None:
                handle.remove()

    def _keep(self, _: nn.Module, arguments: tuple[Any, ...]) -> None:
        given: Tensor = arguments[0]
        self.entry = get_gradient_edge(given) if given.requires_grad else None

    def take(self, tasks: int) -> Spared:
        """What is worth it; forgets the pass.

        Args:
            tasks: how many gradients there are.
        """
        calls = self.watch.take(tasks) if self.watch is not None else []
        entry, self.entry = self.entry, None
        return Spared(calls, entry if calls else None, self.before)


def multiplies_only(network: Network, weighting: GradientWeighting) -> bool:
    """Whether the gradients at a stage are asked for nothing but their inner products.

    Backbones that do not keep their activations are left alone.

    Args:
        network: any.
        weighting: the method.
    """
    backbones = [m for m in network.modules() if isinstance(m, Backbone)]
    return (
        weighting.place == "stage"
        and isinstance(weighting, GramianWeighting)
        and not weighting.reads_rows
        and not any(backbone.checkpointing for backbone in backbones)
    )
