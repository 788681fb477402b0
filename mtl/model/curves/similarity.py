"""Pairs of images, of one class or of two."""

import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.chance import RANKED
from mtl.model.curves.entries import ALL, Reached, pr, roc
from mtl.model.curves.kept import Kept
from mtl.model.curves.ranking import Ranking
from mtl.model.head.similarity_metrics import pairs


class SimilarityCurves(HeadCurves):
    """ROC and precision-recall of telling pairs of one class from others by their distance.

    Over the same pairs as the metric ``auroc``, which is the ROC curve's area.

    Args:
        dimension: of the embeddings.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        columns = {"embedding": (torch.float32, (dimension,)), "label": (torch.int64, ())}
        self.kept = Kept(columns)

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, D) embeddings."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(embedding=prediction, label=labels.value)

    def compute(self) -> Curves:
        """See the class; empty unless there are both kinds of pair."""
        rows = {name: torch.from_numpy(array) for name, array in self.kept.rows().items()}
        found = pairs(rows["embedding"], rows["label"])
        if found is None:
            return {}
        likeness, same = found
        ranking = Ranking(likeness.numpy(), same.numpy())
        reached = Reached(ranking.thresholds, *ranking.counts())
        entries = {"roc": {ALL: roc(reached)}, "pr": {ALL: pr(reached)}}
        return {**entries, "chance": {"auroc": RANKED}}

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()
