"""Random choices of a step, the same whenever the step is gone through."""

import torch


def seed_step(seed: int, device: torch.device) -> None:
    """Seed what dropout and the like draw from, on the processor and on the network's device.

    ``torch.manual_seed`` does the same for every kind of device that there is; for each kind that
    has not been used it writes down the call stack, which took 0.3 ms in every step.

    Args:
        seed: of the batch.
        device: of the network.
    """
    torch.default_generator.manual_seed(seed)
    own = None if device.type == "cpu" else getattr(torch, device.type, None)
    if own is not None:
        own.manual_seed(seed)
