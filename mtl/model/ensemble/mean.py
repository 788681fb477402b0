"""``ensemble=mean``."""

from mtl.model.ensemble.base import Ensemble


class MeanEnsemble(Ensemble):
    """All decisions count alike: the mean of probabilities and boxes, boxes fused by score.

    Each stream learns by itself; see ``Head.average`` of each head for what a mean is there.
    """
