"""timm, without wandb.

The logging of timm's own training scripts, which nothing here uses, imports wandb where that is
installed: half of the time that ``import timm`` takes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["timm"]


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """A package that isn't imported yet can't be, for a while."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


with hidden("wandb"):
    import timm
