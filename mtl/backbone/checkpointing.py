"""Activations computed twice instead of kept."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpointed(module: nn.Module, x: Tensor) -> Tensor:
    """Run a module without keeping what is inside it (Chen et al., 2016).

    Running statistics count the batch once, although it comes by twice.

    Args:
        module: any.
        x: its input.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(module)

    return cast(Tensor, checkpoint(module, x, use_reentrant=False, context_fn=contexts))


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Norms in it work as before, but their running statistics stay what they are.

    They must still be passed along: what is computed again has to keep the same tensors.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    kept = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, batches in kept:
            norm.momentum, norm.num_batches_tracked = momentum, batches
