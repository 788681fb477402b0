"""What callbacks ask of the training that they are in, and how they speak."""

import logging

import pytorch_lightning as L
from pytorch_lightning.trainer.states import TrainerFn
from torch.nn.parallel import DistributedDataParallel

from mtl.errors import UserError
from mtl.terminal import say

log = logging.getLogger(__name__)


def in_training(trainer: L.Trainer) -> bool:
    """Whether a validation is one of a training's."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def tell(trainer: L.Trainer, text: str) -> None:
    """One line on the terminal and in the run's log."""
    if trainer.is_global_zero:
        say(text)
        log.info(text)


def need_unused(trainer: L.Trainer, what: str) -> None:
    """See that parameters may go without a gradient.

    Args:
        trainer: when its fit starts.
        what: leaves them without.

    Raises:
        UserError: DDP would wait for their gradients.
    """
    wrapped = trainer.strategy.model
    if isinstance(wrapped, DistributedDataParallel) and not wrapped.find_unused_parameters:
        raise UserError(f"{what} needs trainer.strategy=ddp_find_unused_parameters_true")
