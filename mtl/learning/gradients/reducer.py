"""DDP's own reducer, which has nothing to do where gradients are added up here."""

from collections.abc import Callable

from torch import nn
from torch.nn.parallel import DistributedDataParallel


def hold_back(wrapper: nn.Module | None) -> Callable[[], None]:
    """Keep DDP from waiting for gradients that never come by.

    Args:
        wrapper: what the strategy calls in a forward pass.

    Returns:
        To be called before the backward pass.
    """
    if not isinstance(wrapper, DistributedDataParallel):
        return lambda: None
    synchronises = wrapper.require_backward_grad_sync
    wrapper.require_backward_grad_sync = False

    def let_go() -> None:
        wrapper.require_backward_grad_sync = synchronises
        # The next forward pass starts from the first process's buffers again.
        wrapper.require_forward_param_sync = True

    return let_go
