"""Activations computed twice instead of kept."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpointed(module: nn.Module, x: Tensor) -> Any:
    """Run a module without keeping what is inside it (Chen et al., 2016).

    Running statistics count the batch once, although it comes by twice.

    Args:
        module: any.
        x: its input.
    """

    if torch.compiler.is_compiling():
        # Compiled, what is inside is computed twice without being run twice.
        return checkpoint(module, x, use_reentrant=False)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _StatisticsKept(module)

    return checkpoint(module, x, use_reentrant=False, context_fn=contexts)


class _StatisticsKept(AbstractContextManager[None]):
    """Norms in a module work as before, but their running statistics stay what they are.

    They must still be passed along: what is computed again has to keep the same tensors. It can
    be entered several times, once for each backward pass through the same graph.
    """

    def __init__(self, module: nn.Module) -> None:
        found = (m for m in module.modules() if isinstance(m, _BatchNorm))
        self.norms = [norm for norm in found if norm.track_running_stats]
        self.kept: list[tuple[float | None, Tensor | None]] = []

    def __enter__(self) -> None:
        self.kept = [(norm.momentum, norm.num_batches_tracked) for norm in self.norms]
        for norm in self.norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None

    def __exit__(self, *error: object) -> None:
        for norm, (momentum, batches) in zip(self.norms, self.kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, batches
