"""What is in a sample: decided, or true."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


def _none() -> npt.NDArray[np.float64]:
    return np.zeros((0, 4))


@dataclass(frozen=True)
class SampleContent:
    """As far as it was kept.

    Args:
        classes: index to how often it is there; 1 where only whether it is counts.
        boxes: (k, 4) xyxy, shares of the network's picture.
    """

    classes: Mapping[int, int] = field(default_factory=dict)
    boxes: npt.NDArray[np.float64] = field(default_factory=_none)
