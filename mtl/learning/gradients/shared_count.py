"""How much of a network several tasks learn together."""

import logging

from mtl.learning.gradients.reach import layout
from mtl.model.network import Network

log = logging.getLogger(__name__)


def shared_parameters(network: Network, image_size: int) -> int | None:
    """How many of a network's parameters the losses of two tasks or more reach.

    Args:
        network: left as it was.
        image_size: side in pixels of what it sees.

    Returns:
        None where that can't be measured; the log says why.
    """
    try:
        entries = layout(network, image_size)
    except Exception as error:  # a user's own member may raise anything, and no run fails by it
        log.info("shared_parameters are not counted: %s: %s", type(error).__name__, error)
        return None
    return sum(entry.parameter.numel() for entry in entries if entry.combined)
