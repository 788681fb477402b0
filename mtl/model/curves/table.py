"""Confusion matrices and per-class tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def confusion_entry(classes: Sequence[str], counts: Counts) -> dict[str, Any]:
    """A matrix (C, C), the truth in rows, as it is written."""
    return {"classes": list(classes), "counts": counts.tolist()}


def table(
    classes: Sequence[str],
    hits: Counts,
    said: Counts,
    truth: Counts,
    **more: npt.NDArray[np.float64],
) -> list[dict[str, Any]]:
    """One row per class.

    Args:
        classes: C names.
        hits: (C,) how often a class was said rightly.
        said: (C,) how often it was said.
        truth: (C,) how often it was there.
        more: further columns (C,), NaN for what is not defined.

    Returns:
        ``class``, ``precision``, ``recall``, ``f1``, the further columns, ``support``. F1 is
        defined where a class was said or there, precision and recall where it was said or there.
    """
    columns = {
        "precision": shares(hits, said),
        "recall": shares(hits, truth),
        "f1": shares(2 * hits, said + truth),
        **more,
    }
    return [
        {
            "class": name,
            **{key: _defined(values[index]) for key, values in columns.items()},
            "support": int(truth[index]),
        }
        for index, name in enumerate(classes)
    ]


def of_confusion(classes: Sequence[str], counts: Counts, **more: Any) -> list[dict[str, Any]]:
    """``table`` of the first classes of a confusion matrix."""
    own = len(classes)
    said, truth = counts.sum(0)[:own], counts.sum(1)[:own]
    return table(classes, counts.diagonal()[:own], said, truth, **more)


def shares(part: Counts, whole: Counts) -> npt.NDArray[np.float64]:
    """``part / whole``, NaN where the whole is 0."""
    found = np.full(len(part), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
