"""``ensemble=mean``."""

from mtl.ensemble.base import Ensemble


class Mean(Ensemble):
    """All decisions count alike: the mean of probabilities and boxes, boxes fused by score.

    Each stream learns by itself; see ``Head.average`` of each head for what a mean is there.
    """
