"""What one image costs a network."""

import logging

import torch
from torch.utils.flop_counter import FlopCounterMode

from mtl.model.network import Network

log = logging.getLogger(__name__)


def multiply_adds(network: Network, image_size: int) -> int | None:
    """Multiplications with an addition in a forward pass of one image, over all tasks.

    As torch counts them: convolutions and products of matrices, of which other operations are a
    small part. What is decided from the raw outputs is not in it.

    Args:
        network: left as it was.
        image_size: side in pixels.

    Returns:
        None where the network can't be counted; the log says why.
    """
    modes = {module: module.training for module in network.modules()}
    shape = (1, network.image_channels, image_size, image_size)
    image = next(network.parameters()).new_zeros(shape)
    counter = FlopCounterMode(display=False)
    try:
        network.eval()
        # What is compiled shows no operations.
        with torch.no_grad(), torch.compiler.set_stance("force_eager"), counter:
            network(image)
    except Exception as error:  # a user's own member may raise anything, and no run fails by it
        log.info("multiply_adds is not counted: %s: %s", type(error).__name__, error)
        return None
    finally:
        for module, training in modes.items():
            module.training = training
    return int(counter.get_total_flops()) // 2
