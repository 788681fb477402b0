"""How a head keeps samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.batch import Labelled

Columns = Mapping[str, npt.NDArray[np.generic]]
"""Plain numbers, whose rows are laid below those of the batches before."""


@dataclass(frozen=True)
class HeadSamples:
    """What a head keeps of each sample.

    Args:
        kind: how it is counted again: ``values`` (``value``, the metric being their mean, and maybe
            ``quality`` in 0..1 and ``right``), ``classes``, ``scores``, ``numbers``, ``overlaps``,
            ``detections`` or ``pixel_means``; see ``mtl/runs/recount``.
        columns: takes what ``Head.predict`` returned for n labelled samples, and their targets.
    """

    kind: str
    columns: Callable[[Any, Labelled], Columns]
