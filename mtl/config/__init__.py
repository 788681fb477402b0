"""Finding, composing and checking configurations; nothing here imports torch."""

from mtl.config.load import load
from mtl.config.saved import open_run

__all__ = ["load", "open_run"]
