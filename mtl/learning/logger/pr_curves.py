"""Precision-recall curves for TensorBoard's own page of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as L

from mtl.learning.logger.tensorboard import RunTensorBoard

LEVELS = 127
"""Thresholds from 0 to 1; TensorBoard takes no more."""


def log_pr_curves(trainer: L.Trainer, tag: str, curves: Mapping[str, Any]) -> None:
    """Write the curve of each class, ``<tag>/<class>``.

    Args:
        trainer: of the run.
        tag: split and task.
        curves: class to curve; means over classes have no threshold, and are left out.
    """
    for logger in trainer.loggers:
        if isinstance(logger, RunTensorBoard):
            for name, curve in curves.items():
                if "threshold" in curve:
                    logger.experiment.add_pr_curve_raw(
                        f"{tag}/{name}", *raw(curve), trainer.global_step, LEVELS
                    )


def raw(curve: Mapping[str, Any]) -> tuple[np.ndarray, ...]:
    """True and false positives, true and false negatives, precision and recall (127,) each.

    Args:
        curve: an entry of ``pr``, from the highest threshold down.
    """
    levels = np.linspace(0, 1, LEVELS)
    thresholds, recall, precision = (
        np.array(curve[key]) for key in ("threshold", "recall", "precision")
    )
    # The last point that a threshold lets through; above all of them there is nothing.
    places = np.searchsorted(-thresholds, -levels, side="right") - 1
    reached = places >= 0
    recall = np.where(reached, recall[places], 0.0)
    precision = np.where(reached, precision[places], 1.0)
    right = recall * curve["positives"]
    wrong = np.divide(right, precision, out=np.zeros(LEVELS), where=precision > 0) - right
    missed, left = curve["positives"] - right, np.maximum(curve["negatives"] - wrong, 0)
    return right, wrong, left, missed, precision, recall
