"""What is said of an epoch, when it is certain that a run goes on behind it."""

import math
from collections.abc import Callable

import pytorch_lightning as L

from mtl.learning.callbacks.checkpoint import BestAndLast


class EpochTold(L.Callback):
    """Tells of an epoch once its checkpoints are there.

    Lightning writes them behind all else of an epoch, and who is told of one and presses Ctrl-C
    then would find the run before it.
    """

    def __init__(self) -> None:
        self._untold: tuple[int, Callable[[], object]] | None = None
        """The epoch that has just ended, and what tells of it."""

    def tell_of(self, epoch: int, tell: Callable[[], object]) -> None:
        """Tell of an epoch as soon as its checkpoints are there.

        Args:
            epoch: that has just ended, from 1.
            tell: does it.
        """
        self._untold = (epoch, tell)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell."""
        self._tell()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell."""
        self._tell()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Tell, unless the run was interrupted before there was the checkpoint."""
        keeper = trainer.checkpoint_callback
        kept = keeper.kept if isinstance(keeper, BestAndLast) else math.inf
        interrupted = isinstance(exception, KeyboardInterrupt)
        if interrupted and self._untold is not None and self._untold[0] > kept:
            self._untold = None
        self._tell()

    def _tell(self) -> None:
        untold, self._untold = self._untold, None
        if untold is not None:
            untold[1]()
