"""Ways of judging channels, by name."""

from mtl.errors import UserError
from mtl.model.network import Network
from mtl.runs.compression.select.l0 import L0Gates
from mtl.runs.compression.select.l1 import L1Gates
from mtl.runs.compression.select.learned import Batches, learn
from mtl.runs.compression.select.levels import Levels
from mtl.runs.compression.select.mutual_information import mutual_information
from mtl.runs.compression.select.saliency import saliency

LEARNED = {"l0": L0Gates, "l1": L1Gates}
METHODS = (*LEARNED, "saliency", "mutual_information")


def judge(
    method: str, network: Network, batches: Batches, keep: float, epochs: int, seed: int
) -> Levels:
    """How useful each channel is to each task.

    Args:
        method: of ``METHODS``.
        network: trained, in evaluation mode.
        batches: labelled, with normalised images.
        keep: share of a task's channels that it may keep, to which gates are brought.
        epochs: how often gates go through the batches.
        seed: of what is drawn.

    Returns:
        Task to stride to (C,) for the strides that its head reads.

    Raises:
        UserError: no such method, or a task has no label in these batches.
    """
    if method in LEARNED:
        found = learn(network, batches, LEARNED[method], keep, epochs, seed)
    elif method == "saliency":
        found = saliency(network, batches)
    elif method == "mutual_information":
        found = mutual_information(network, batches)
    else:
        raise UserError(f"select.method={method}: allowed: {', '.join(METHODS)}")
    for task in network.tasks:
        if task not in found:
            raise UserError(
                f"select: no image that channels are judged on has a label of task {task}; raise "
                "select.images"
            )
    return {task: found[task] for task in network.tasks}
