"""Channels told apart by the binary digits of their numbers.

Each image of a batch carries another set of marks: those whose number has a certain binary digit,
and those that lack it. What arrives with both the digit and its lack has been mixed on the way.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def digits(count: int) -> Flags:
    """(2D, count): whether a channel's number has a binary digit, then whether it lacks it."""
    length = max(1, (count - 1).bit_length())
    has = (np.arange(count) >> np.arange(length)[:, None]) & 1 == 1
    return np.concatenate([has, ~has])


def decoded(rows: Flags, count: int) -> tuple[Ints, bool]:
    """Whose marks arrived.

    Args:
        rows: (2D, C) where they arrived.
        count: of the channels that were marked.

    Returns:
        (C,) the number of the channel that each input is reached by, -1 for none, and whether marks
        have been mixed, or have got lost in some of the images, on the way to any.
    """
    has, lacks = np.split(rows, 2)
    number = (has * (1 << np.arange(len(has)))[:, None]).sum(0)
    clean = (has ^ lacks).all(0) & (number < count)
    return np.where(clean, number, -1).astype(np.int64), bool((rows.any(0) & ~clean).any())
