"""Silence for advice that doesn't apply here, and for nothing else."""

import logging
import warnings

NOT_FOR_US = (
    r"The '.*_dataloader' does not have many workers",
    r"The number of training batches .* is smaller than the logging interval",
    r".*Checkpoint directory .* exists and is not empty",
    r"Starting from v1\.9\.0, `tensorboardX`",
    r"You're resuming from a checkpoint that ended before the epoch ended",
    r"Trying to infer the `batch_size`",
    r"GPU available but not used",
    r"Total length of `list` across ranks is zero",
    r"`training_step` returned `None`",
    r"It is recommended to use `self\.log\(.*sync_dist=True",
    r".*isinstance\(treespec, LeafSpec\)` is deprecated",
)


def quiet_lightning() -> None:
    """Leave Lightning's warnings about real trouble, and drop its tips and banners."""
    for name in ("pytorch_lightning", "lightning_fabric", "pytorch_lightning.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in NOT_FOR_US:
        warnings.filterwarnings("ignore", message=message)
