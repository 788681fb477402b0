"""``unfreezing=none``."""

from pytorch_lightning import Callback


class NoUnfreezing(Callback):
    """Everything trains from the first step."""
