"""What a head's decisions on a split add up to beside its metrics."""

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

from mtl.data.batch import Labelled

Curves = dict[str, Any]
"""Plain JSON values, each entry there only where the head has it:

- ``confusion``: ``classes``, and ``counts`` with the truth in rows, what was said in columns
- ``per_class``: a list of rows: ``class``, ``precision``, ``recall``, ``f1``, ``support`` and what
  else the head has; None where a number is not defined
- ``roc``: class or ``all`` to ``fpr``, ``tpr``, ``auc``
- ``pr``: class or ``all`` to ``recall``, ``precision``, ``threshold``, ``ap``, ``positives``,
  ``negatives``
- ``calibration``: ``confidence``, ``accuracy`` and ``count`` of each bin that isn't empty, ``ece``
- ``success``: ``all`` to ``iou``, ``recall``, ``area``
- ``scatter``: number to ``truth`` and ``predicted``, sample by sample, and ``r2``
- ``chance``: metric to what it comes to without a look at the images (see ``chance.py``)

``all`` is the mean over the classes, so that its area is the mean of theirs.
"""


class HeadCurves(nn.Module, ABC):
    """The tables and curves of one task over one split; what is counted is gathered over ranks."""

    @abstractmethod
    def update(self, prediction: Any, labels: Labelled) -> None:
        """Count one batch.

        Args:
            prediction: what ``Head.predict`` returned for the labelled samples.
            labels: their targets; ``labels.index`` is to be ignored here.
        """

    @abstractmethod
    def compute(self) -> Curves:
        """What it adds up to; empty when nothing was counted. All ranks have to call it."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""
