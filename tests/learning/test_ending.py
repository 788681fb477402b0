"""Why a training ended before its last epoch."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.callbacks import EarlyStopping, Timer

from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.learning.ending import why_stopped


def trainer(*callbacks: object, **own: Any) -> Any:
    values = {"current_epoch": 2, "max_epochs": 12, "max_steps": -1, "global_step": 20}
    return SimpleNamespace(callbacks=callbacks, **values | own)


def early(waited: int, patience: int, per_epoch: bool = True) -> ResumableEarlyStopping:
    callback = ResumableEarlyStopping("val/score", patience, 0.0)
    callback.wait_count = waited
    callback._check_on_train_epoch_end = per_epoch
    return callback


def test_a_training_that_went_through_has_no_reason() -> None:
    assert why_stopped(trainer(early(3, 3), current_epoch=12)) is None


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (early(1, 1), "val/score not better for 1 epoch"),
        (early(3, 3), "val/score not better for 3 epochs"),
        (early(3, 3, per_epoch=False), "val/score not better for 3 validations"),
        (early(2, 3), "a callback asked for it"),
    ],
)
def test_early_stopping(callback: ResumableEarlyStopping, reason: str) -> None:
    assert why_stopped(trainer(callback)) == f"stopped after epoch 2 of 12: {reason}"


def test_steps_and_time() -> None:
    steps = why_stopped(trainer(early(1, 3), max_steps=20))
    assert steps == "stopped after epoch 2 of 12: trainer.max_steps=20"
    timer = Timer(timedelta(seconds=60))
    timer._offset = 61
    time = why_stopped(trainer(early(1, 3), timer))
    assert time == "stopped after epoch 2 of 12: trainer.max_time is over (0:01:01)"


def test_a_users_own_early_stopping_speaks_for_itself() -> None:
    callback = EarlyStopping("val/loss")
    assert why_stopped(trainer(callback)) == "stopped after epoch 2 of 12: a callback asked for it"
    callback.stopping_reason_message = "val/loss = nan is not finite."
    assert why_stopped(trainer(callback)) == (
        "stopped after epoch 2 of 12: val/loss = nan is not finite."
    )
