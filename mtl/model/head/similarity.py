"""Vectors that lie close together for images of one class."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.config.nearest import in_words
from mtl.data.batch import Labelled
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.curves.similarity import SimilarityCurves
from mtl.model.head.agreement import median
from mtl.model.head.base import Head
from mtl.model.head.exported import ExportedTensor
from mtl.model.head.losses import full_precision
from mtl.model.head.options import check_names, check_range
from mtl.model.head.pooled import Pooled
from mtl.model.head.similarity_losses import LOSSES, distances, relational
from mtl.model.head.similarity_metrics import METRICS, SimilarityMetrics
from mtl.model.views.placement import Placement

Embedding = npt.NDArray[np.float32]
"""(D,)."""


class Similarity(Head):
    """An embedding of the pooled coarsest features, learned from the pairs in each batch.

    ``forward`` gives (n, D) vectors of any length, ``predict`` the embeddings, whose Euclidean
    distance says how unlike two images are.

    Args:
        target: a ``label``.
        stages: see Head.
        image_size: see Head.
        metrics: of ``auroc``, ``top1``.
        pool: ``avg`` or ``max`` over the picture.
        dimension: D.
        hidden: width of a hidden layer; 0 for none.
        dropout: 0..1.
        normalise: whether embeddings have length 1, so that distances run from 0 to 2.
        loss: ``contrastive``, ``triplet`` or ``triplet_all``; see ``similarity_losses``.
        margin: of distances, greater than 0.
    """

    between_networks = False
    same_answers = False
    any_size = True

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str] = tuple(METRICS),
        pool: Literal["avg", "max"] = "avg",
        dimension: int = 64,
        hidden: int = 0,
        dropout: float = 0.0,
        normalise: bool = True,
        loss: Literal["contrastive", "triplet", "triplet_all"] = "contrastive",
        margin: float = 0.5,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        check_names("similarity", "metrics", metrics, METRICS)
        check_names("similarity", "loss", [loss], LOSSES)
        check_range("similarity", "dimension", dimension, 1)
        check_range("similarity", "margin", margin, 0)
        if normalise and not 0 < margin < 2:
            raise UserError(
                f"similarity.margin={margin:g}: allowed: between 0 and 2, the largest distance "
                "of normalised embeddings (similarity.normalise=false has no limit)"
            )
        self.dimension = dimension
        self.normalise = normalise
        self.margin = margin
        self.compare = LOSSES[loss]
        self.layers = Pooled(
            "similarity", stages, dimension, pool=pool, hidden=hidden, dropout=dropout
        )

    @property
    def reads(self) -> tuple[int]:
        """The coarsest."""
        return (self.layers.stride,)

    def forward(self, features: Features) -> Tensor:
        """Vectors (n, D), not normalised yet."""
        vectors: Tensor = self.layers(features)
        return vectors

    def loss(self, raw: Tensor, labels: Labelled) -> Tensor:
        """The chosen loss on the distances between the samples; 0 where nothing compares."""
        assert isinstance(labels.value, Tensor)
        return self.compare(distances(self.predict(raw)), labels.value, self.margin)

    def distillation(self, raw: Tensor, taught: Tensor, temperature: float) -> Tensor:
        """Of the distances in the batch, not of coordinates; distances have no temperature."""
        own, its = (distances(self.predict(both)) for both in (raw, taught))
        return relational(own, its)

    def check_teacher(self, teacher: Head) -> None:
        """Distances compare where embeddings have length 1, or have not, on both sides."""
        assert isinstance(teacher, Similarity)
        if teacher.normalise != self.normalise:
            raise UserError(
                f"the teacher was trained with normalise={in_words(teacher.normalise)}, the "
                f"student's is {in_words(self.normalise)}: distances would not compare"
            )

    def predict(self, raw: Tensor) -> Tensor:
        """Embeddings (n, D)."""
        return self._normalised(full_precision(raw))

    def average(self, decisions: Sequence[Tensor], weights: Tensor) -> Tensor:
        """Weighted mean of the embeddings, normalised again where they are.

        It means something for views and copies; separately trained networks don't agree on what
        their coordinates stand for.
        """
        stacked = torch.stack(list(decisions))
        return self._normalised(torch.tensordot(weights.to(stacked), stacked, 1))

    def vote(self, decisions: Sequence[Tensor]) -> Tensor:
        """Median of each coordinate, normalised again where embeddings are; see ``average``."""
        return self._normalised(median(decisions))

    def carry_back(self, decision: Tensor, placement: Placement) -> Tensor:
        """The same: an embedding has no place."""
        return decision

    @property
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The embedding."""
        return {"embedding": ExportedTensor(("coordinate",), "distances say how unlike images are")}

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``."""
        return {"embedding": prediction}

    def make_metrics(self) -> SimilarityMetrics:
        """Fresh metrics for one split."""
        return SimilarityMetrics(self.metrics, self.dimension)

    def make_curves(self) -> SimilarityCurves:
        """Fresh ones for one split."""
        return SimilarityCurves(self.dimension)

    def unbatch(self, prediction: Tensor) -> list[Embedding]:
        """N arrays of (D,)."""
        return list(prediction.float().cpu().numpy())

    def record(self, prediction: Embedding) -> Mapping[str, Any]:
        """``embedding``: D numbers."""
        return {"embedding": prediction.tolist()}

    def _normalised(self, vectors: Tensor) -> Tensor:
        return F.normalize(vectors, dim=1) if self.normalise else vectors
