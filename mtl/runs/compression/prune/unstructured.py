"""``prune_unstructured``: single weights become 0."""

import gzip
from collections.abc import Mapping
from math import ceil
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.channels.importance import TINY, check_weights
from mtl.runs.compression.saved import checkpoint_bytes

NAME = "weight"
Weighted = nn.Conv2d | nn.Linear
Scores = dict[tuple[nn.Module, str], Tensor]


class PruneUnstructured(Step):
    """Sets the least important of all weights to 0, in rounds with training after each.

    The network computes as much as before. What gets smaller is its file where that is packed.

    Args:
        keep: share of the weights of convolutions and linear layers that stays, 0..1.
        rounds: in which the others go, by equal factors.
        importance: ``magnitude``, or ``taylor``: the squared effect on each task's loss to first
            order, as a share of all weights', added up over tasks.
        weights: task to its share in ``taylor``; 1 where it is not there.
        images: that ``taylor`` judges on.
        epochs_factor: epochs of training after each round but the last, in those of the run.
        final_epochs_factor: likewise, after the last.
        lr_factor: the learning rate in that of the run.
    """

    strength = "keep"
    trains = True
    makes_zeros = True

    def __init__(
        self,
        *,
        keep: float,
        rounds: int,
        importance: Literal["magnitude", "taylor"],
        weights: Mapping[str, float],
        images: int,
        epochs_factor: float,
        final_epochs_factor: float,
        lr_factor: float,
    ) -> None:
        self.keep = keep
        self.rounds = rounds
        self.importance = importance
        self.weights = weights
        self.images = images
        self.epochs_factor = epochs_factor
        self.final_epochs_factor = final_epochs_factor
        self.lr_factor = lr_factor

    def check(self, work: Workpiece) -> None:
        """See ``Step``: the tasks that are weighed are the network's."""
        check_weights("prune_unstructured", self.weights, work.network.tasks)

    def apply(self, work: Workpiece) -> None:
        """See ``Step``."""
        layers: list[Weighted] = [m for m in work.network.modules() if isinstance(m, Weighted)]
        total = sum(layer.weight.numel() for layer in layers)
        passes = [layer.register_forward_hook(_copyable) for layer in layers]
        already = _zeros(layers)
        for number in range(1, self.rounds + 1):
            # torch puts them into one vector as they lie.
            work.network.to(memory_format=torch.contiguous_format)
            gone = max(already, round(total * (1 - self.keep ** (number / self.rounds))))
            scores = (
                _magnitude(layers) if self.importance == "magnitude" else self._taylor(work, layers)
            )
            prune.global_unstructured(
                [(layer, NAME) for layer in layers],
                pruning_method=prune.L1Unstructured,
                importance_scores=scores,
                amount=gone - (_zeros(layers) if number > 1 else 0),
            )
            for layer in layers:
                _copyable(layer)
            factor = self.final_epochs_factor if number == self.rounds else self.epochs_factor
            epochs = ceil(factor * int(work.cfg.epochs))
            work.say(f"round {number} of {self.rounds}: {1 - gone / total:.1%} of the weights stay")
            work.finetune(work.network, epochs, self.lr_factor * float(work.cfg.lr))
        for layer, after_pass in zip(layers, passes, strict=True):
            after_pass.remove()
            prune.remove(layer, NAME)  # type: ignore[no-untyped-call]
        content = checkpoint_bytes(work, {})
        packed = len(gzip.compress(content, compresslevel=6))
        work.notes["zeros"] = round(_zeros(layers) / total, 4)
        work.notes["megabytes_packed"] = round(packed / 1e6, 3)
        work.say(
            f"{work.notes['zeros']:.1%} of {total / 1e6:.2f} M weights are 0: the file's "
            f"{len(content) / 1e6:.2f} MB are {packed / 1e6:.2f} MB after gzip; it is no faster"
        )

    def _taylor(self, work: Workpiece, layers: list[Weighted]) -> Scores:
        """Layer to the importance of its weights."""
        kernels = [_kernel(layer) for layer in layers]
        found = {t: [torch.zeros_like(k) for k in kernels] for t in work.network.tasks}
        for batch in work.images("train", self.images):
            outputs = work.network.labelled_outputs(batch)
            losses = {t: work.network.loss(t, *of_task) for t, of_task in outputs.items()}
            for number, (task, loss) in enumerate(losses.items(), 1):
                gradients = torch.autograd.grad(
                    loss, kernels, retain_graph=number < len(losses), allow_unused=True
                )
                for squares, kernel, gradient in zip(found[task], kernels, gradients, strict=True):
                    if gradient is not None:
                        squares.add_((kernel.detach() * gradient) ** 2)
        scores = [torch.zeros_like(kernel) for kernel in kernels]
        for task, own in found.items():
            total = sum(float(squares.sum()) for squares in own)
            for score, squares in zip(scores, own, strict=True):
                score.add_(squares, alpha=self.weights.get(task, 1.0) / max(total, TINY))
        return {(layer, NAME): score for layer, score in zip(layers, scores, strict=True)}


def _copyable(layer: Weighted, *_: object) -> None:
    """Once it is pruned, its weight is what each pass computes, which as it is nobody could copy.

    An average of the weights copies the network after passes that others have made.
    """
    if prune.is_pruned(layer):
        layer.weight = layer.weight.detach()


def _kernel(layer: Weighted) -> Tensor:
    """What is trained; once it is pruned, its weight is what the last pass has made of that."""
    found: Tensor = getattr(layer, f"{NAME}_orig", layer.weight)
    return found


def _magnitude(layers: list[Weighted]) -> Scores:
    return {(layer, NAME): _kernel(layer).detach().abs() for layer in layers}


def _zeros(layers: list[Weighted]) -> int:
    return sum(int((getattr(layer, f"{NAME}_mask", layer.weight) == 0).sum()) for layer in layers)
