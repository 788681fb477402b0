"""What runs an exported file."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]
Runner = Callable[[npt.NDArray[np.generic]], Arrays]
"""From a batch of images, as the file's description tells of them, to its outputs by name."""
