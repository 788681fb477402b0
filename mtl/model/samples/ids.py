"""Names of samples as bytes, which need no pickle."""

import numpy as np
import numpy.typing as npt

BETWEEN = "\0"
"""No file's name holds it."""


def packed(ids: list[str]) -> npt.NDArray[np.uint8]:
    """One array of all; names of files that are not UTF-8 come back as they were."""
    return np.frombuffer(BETWEEN.join(ids).encode("utf-8", "surrogateescape"), np.uint8)


def unpacked(array: npt.NDArray[np.generic]) -> tuple[str, ...]:
    """The counterpart of ``packed``."""
    text = array.astype(np.uint8).tobytes().decode("utf-8", "surrogateescape")
    return tuple(text.split(BETWEEN)) if text else ()
