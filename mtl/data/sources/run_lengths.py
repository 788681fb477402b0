"""COCO's compressed run lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BITS, MORE, SIGN = 5, 0x20, 0x10
"""Of a character: how many are a part of the number, whether others follow, and its sign."""
LONGEST = 12
"""Characters of a number."""


def run_lengths(text: str) -> npt.NDArray[np.int64]:
    """The lengths that a text stands for; COCO's own reader believes whatever it says.

    Args:
        text: ``counts`` of a compressed mask (Lin et al., 2014): numbers of variable length, those
            from the fourth on as differences from the one two before.

    Returns:
        (R,) lengths, of pixels without and with the object in turn.

    Raises:
        ValueError: it stands for none; begins with a verb.
    """
    codes = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(codes & MORE == 0)
    if not len(last) or last[-1] != len(codes) - 1 or codes.min() < 0 or codes.max() > 63:
        raise ValueError("has compressed run lengths that are none")
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    if place.max() >= LONGEST:
        raise ValueError("has compressed run lengths that are none")
    found = np.add.reduceat((codes & (MORE - 1)) << BITS * place, first)
    negative = codes[last] & SIGN > 0
    found[negative] -= 1 << BITS * (place[last][negative] + 1)
    for start in (1, 2):
        found[start::2] = found[start::2].cumsum()
    return found
