"""Verification and nearest neighbours among the embeddings of a split."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities.data import dim_zero_cat

from mtl.data.batch import Labelled
from mtl.model.head.base import HeadMetrics
from mtl.model.head.scores import present, quietly

MOST_SAMPLES = 3000
"""How many samples verification pairs up at most: 4.5 million pairs, a second or two."""
ROWS = 1024
"""How many samples look for their neighbours at once."""


def pairs(embedding: Tensor, label: Tensor) -> tuple[Tensor, Tensor] | None:
    """Pairs of samples: how much alike they are, and whether they are of one class.

    All pairs of up to ``MOST_SAMPLES`` samples, else all pairs of so many of them, drawn with a
    fixed seed.

    Args:
        embedding: (n, D) float.
        label: (n,) int64.

    Returns:
        (p,) in 0..1, the higher the closer, and (p,) bool; None unless there are both kinds.
    """
    if len(label) > MOST_SAMPLES:
        seeded = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(label), generator=seeded)[:MOST_SAMPLES].to(label.device)
        embedding, label = embedding[chosen], label[chosen]
    first, second = torch.triu_indices(len(label), len(label), 1, device=label.device)
    same = label[first] == label[second]
    if same.all() or not same.any():
        return None
    # In 0..1, or torchmetrics would squeeze the scores through a sigmoid.
    return 1 / (1 + F.pdist(embedding)), same


def verification(embedding: Tensor, label: Tensor) -> Tensor:
    """Area under the ROC curve of telling pairs of one class from others by their distance.

    Args:
        embedding: (n, D) float.
        label: (n,) int64.

    Returns:
        A scalar over ``pairs``; NaN unless there are both kinds of pair.
    """
    found = pairs(embedding, label)
    if found is None:
        return embedding.new_tensor(torch.nan)
    likeness, same = found
    return binary_auroc(likeness, same.long(), validate_args=False)


def nearest_neighbour(embedding: Tensor, label: Tensor) -> Tensor:
    """Share of samples whose nearest other sample is of their class.

    A class's only sample can't be right.

    Args:
        embedding: (n, D) float.
        label: (n,) int64.

    Returns:
        A scalar; NaN unless there are two samples.
    """
    if len(label) < 2:
        return embedding.new_tensor(torch.nan)
    right = torch.zeros((), dtype=torch.long, device=label.device)
    for start in range(0, len(label), ROWS):
        rows = torch.arange(start, min(start + ROWS, len(label)), device=label.device)
        distance = torch.cdist(embedding[rows], embedding)
        distance[rows - start, rows] = torch.inf
        right += (label[distance.argmin(1)] == label[rows]).sum()
    return right / len(label)


METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "auroc": verification,
    "top1": nearest_neighbour,
}


class _Embeddings(Metric):
    """All embeddings of a split, on every rank, and what is computed from them together."""

    full_state_update = False
    embeddings: list[Tensor]
    labels: list[Tensor]

    def __init__(self, names: Sequence[str], dimension: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.dimension = dimension
        self.add_state("embeddings", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, embedding: Tensor, label: Tensor) -> None:
        """Keep (n, D) embeddings and (n,) labels."""
        self.embeddings.append(embedding.detach().float())
        self.labels.append(label)

    def compute(self) -> Tensor:
        """One value per name."""
        if len(self.embeddings) == 0:  # a list, or a tensor once ranks have shared theirs
            return torch.full((len(self.names),), torch.nan, device=self.device)
        embedding, label = dim_zero_cat(self.embeddings), dim_zero_cat(self.labels)
        return torch.stack([METRICS[name](embedding, label) for name in self.names])

    def _sync_dist(self, *args: Any, **kwargs: Any) -> None:
        # A rank without a sample would send a tensor of another shape and type than the others.
        if not self.embeddings:
            self.embeddings = [torch.zeros(0, self.dimension, device=self.device)]
            self.labels = [torch.zeros(0, dtype=torch.int64, device=self.device)]
        super()._sync_dist(*args, **kwargs)


class SimilarityMetrics(HeadMetrics):
    """``auroc`` of verification and ``top1``, the nearest neighbour's class, leaving oneself out.

    Both compare the samples of the split with each other.

    Args:
        names: of ``auroc``, ``top1``.
        dimension: D of the embeddings.
    """

    def __init__(self, names: Sequence[str], dimension: int) -> None:
        super().__init__()
        self._embeddings = _Embeddings(names, dimension)

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, D) embeddings."""
        assert isinstance(labels.value, Tensor)
        self._embeddings.update(prediction, labels.value)

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar in 0..1; what nothing can be compared for is absent."""
        values = quietly(self._embeddings).reshape(-1)  # torchmetrics squeezes a single one
        return present(dict(zip(self._embeddings.names, values, strict=True)), {}, ())

    def reset(self) -> None:
        """Forget everything."""
        self._embeddings.reset()
