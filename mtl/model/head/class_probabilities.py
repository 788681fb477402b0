"""What heads share that give the whole image a probability for each class."""

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mtl.data.preprocess.in_graph import TensorFrame
from mtl.model.backbone.base import Features
from mtl.model.head.base import Head
from mtl.model.head.pooled import Pooled

Probabilities = npt.NDArray[np.float32]
"""(C,), of one image."""


class ClassProbabilities(Head):
    """A layer (or two) on pooled features; ``predict`` gives (n, C) probabilities.

    Subclasses make ``layers``.
    """

    any_size = True
    layers: Pooled

    @property
    def reads(self) -> tuple[int]:
        """The coarsest."""
        return (self.layers.stride,)

    def forward(self, features: Features) -> Tensor:
        """Logits (n, C)."""
        logits: Tensor = self.layers(features)
        return logits

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """The probabilities."""
        return {"probabilities": prediction}

    def unbatch(self, prediction: Tensor) -> list[Probabilities]:
        """N arrays of (C,) probabilities."""
        return list(prediction.float().cpu().numpy())

    @property
    def joins_tiles(self) -> bool:
        """They can, each head in its own way."""
        return True
