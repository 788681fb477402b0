"""Which way a metric should go."""

from typing import Literal

SMALL_IS_GOOD = ("loss", "mae", "mse")


def mode_of(metric: str) -> Literal["min", "max"]:
    """``min`` for losses and errors, ``max`` for everything else.

    Args:
        metric: full name, such as ``val/box/mae``.
    """
    return "min" if metric.rsplit("/", 1)[-1] in SMALL_IS_GOOD else "max"
