"""``select.method=saliency``."""

from collections.abc import Iterable

import torch

from mtl.data.batch import Batch
from mtl.model.network import Network
from mtl.runs.compression.select.levels import Levels, fused, gated, losses


def saliency(network: Network, batches: Iterable[Batch]) -> Levels:
    """How much a task's loss would change without a channel, to first order.

    The mean over samples of |Σ a · ∂L/∂a|, the sum being over a channel's cells (Molchanov et al.,
    2017, equation 8). It is a change of the loss at every stride alike, so that the paper's scaling
    of layers, meant for layers inside each other, is left out.

    Args:
        network: in evaluation mode.
        batches: labelled, with normalised images.

    Returns:
        Task to stride to (C,), at least 0.
    """
    sums: Levels = {}
    counts: dict[str, int] = {}
    for batch in batches:
        features = fused(network, batch.image)
        # A gate's slope at 1, for each row by itself, is the sum of activation times gradient.
        gates = {
            task: {s: torch.ones(m.shape[:2], requires_grad=True) for s, m in found.items()}
            for task, found in features.items()
        }
        for task, (loss, count) in losses(network, gated(features, gates), batch).items():
            slopes = torch.autograd.grad(loss, list(gates[task].values()), allow_unused=True)
            counts[task] = counts.get(task, 0) + count
            own = sums.setdefault(task, {})
            for (stride, gate), slope in zip(gates[task].items(), slopes, strict=True):
                by_row = torch.zeros_like(gate) if slope is None else slope
                # One gate for all streams of a sample; the loss is a mean over the samples.
                of_sample = count * by_row.view(network.fusion.streams, len(batch), -1).sum(0)
                total = of_sample.abs().sum(0).detach()
                own[stride] = own[stride] + total if stride in own else total
    return {
        task: {stride: total / counts[task] for stride, total in own.items()}
        for task, own in sums.items()
    }
