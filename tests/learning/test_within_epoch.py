"""Checkpoints between two steps, from which a run goes on as if nothing had happened."""

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as L
from resume_kit import copy_at
from training_kit import checkpoint, same_weights, write_conf

from mtl.config.load import load
from mtl.data.loading.sampler import EpochSampler, RankBatches
from mtl.errors import UserError
from mtl.files import read_json
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.within_epoch import WithinEpoch
from mtl.learning.module import MultiTaskModule
from mtl.learning.stop import Stop
from mtl.runs.train import train

TERM = signal.SIGTERM


@pytest.mark.slow
def test_a_run_goes_on_within_an_epoch_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With accumulated batches, dropout, a weighting that looks again, and stages to unfreeze."""
    own = "data=alternating data.train=36 data.val=4 data.test=4 backbone=plain batch_size=4"
    own += " epochs=2 weighting=famo unfreezing=staged heads.a.dropout=0.3 logger=none"
    own += " trainer.accumulate_grad_batches=2 callbacks.checkpoint.every_minutes=1e-9"
    own += " callbacks.ema.enabled=true callbacks.figures.enabled=false"
    own += " head@heads.a=classification head@heads.b=classification"
    cfg = load(own.split(), write_conf(tmp_path / "conf"))
    copy_at(7, tmp_path, monkeypatch)
    train(cfg, tmp_path / "whole")
    # 9 batches an epoch are 5 steps; of the second epoch 2 are done.
    assert checkpoint(tmp_path / "cut", "last")["mtl"]["batches"] == 4
    train(cfg, tmp_path / "cut")
    for name in ("best", "last"):
        whole, cut = (checkpoint(tmp_path / which, name) for which in ("whole", "cut"))
        assert same_weights(whole["state_dict"], cut["state_dict"])
        assert cut["mtl"]["batches"] == 0
    whole, cut = (read_json(tmp_path / which / "results.json") for which in ("whole", "cut"))
    assert whole["metrics"] == cut["metrics"]


def test_batches_that_were_seen_come_no_more_in_that_epoch_alone() -> None:
    sampler = EpochSampler(10, seed=0, shuffle=True)
    whole, rest = RankBatches(sampler, 3, True), RankBatches(sampler, 3, True, begin=(1, 2))
    for epoch, passed_over in ((0, 0), (1, 2), (2, 0)):
        sampler.set_epoch(epoch)
        assert list(rest) == list(whole)[passed_over:]
        assert rest.passed_over == passed_over
    assert len(rest) == len(whole) == 3


def test_a_patient_stop_waits_once() -> None:
    stop = Stop()
    stop.patient = True
    stop(TERM, None)
    assert stop.received == "SIGTERM"
    stop(TERM, None)  # as launchers pass it on
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        stop(signal.SIGUSR1, None)
    stop(TERM, None)


def test_the_same_signal_later_ends_what_the_first_waits_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([10.0, 11.9, 12.1])
    monkeypatch.setattr("mtl.learning.stop.time.monotonic", lambda: next(now))
    stop = Stop()
    stop.patient = True
    stop(TERM, None)
    stop(TERM, None)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        stop(TERM, None)


def test_an_impatient_stop_ends_at_once() -> None:
    stop = Stop()
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        stop(TERM, None)


def looking(stop: Stop, every_minutes: float | None, **trainer: Any) -> list[str]:
    """What is written when a step is done, and ``left`` where the run is left."""
    written: list[str] = []
    keeper = BestAndLast(every_minutes=every_minutes)
    keeper.write_last = lambda trainer: written.append("last")  # type: ignore[method-assign]
    progress = SimpleNamespace(is_last_batch=trainer.pop("is_last_batch", False))
    own: dict[str, Any] = {
        "checkpoint_callback": keeper,
        "world_size": 1,
        "global_step": 5,
        "log_every_n_steps": 20,
        "val_check_interval": 1.0,
        "val_check_batch": 9,
        "num_training_batches": 9,
        "current_epoch": 0,
        "is_global_zero": False,
        "fit_loop": SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress)),
        "strategy": SimpleNamespace(reduce_boolean_decision=lambda wish, all: True),
    }
    there: Any = SimpleNamespace(**own | trainer)
    module = MultiTaskModule.__new__(MultiTaskModule)
    L.LightningModule.__init__(module)
    within = WithinEpoch(stop)
    within.on_fit_start(there, module)
    within.on_train_start(there, module)
    try:
        module.step_done()
    except KeyboardInterrupt:
        written.append("left")
    return written


def test_when_it_is_written() -> None:
    asked = Stop()
    asked.received = "SIGTERM"
    assert looking(Stop(), None) == []
    assert looking(Stop(), 1e-9) == ["last"]
    assert looking(Stop(), 60) == []
    assert looking(asked, None) == ["last", "left"]
    assert looking(asked, None, is_last_batch=True) == []  # the epoch's end writes it
    assert looking(asked, None, val_check_batch=3) == ["left"]


def test_several_processes_decide_together_and_now_and_then() -> None:
    assert looking(Stop(), None, world_size=2) == []
    assert looking(Stop(), None, world_size=2, global_step=20) == ["last", "left"]


def test_checkpoints_by_time_and_validations_within_epochs_are_refused() -> None:
    with pytest.raises(UserError, match=r"needs trainer\.val_check_interval=null"):
        looking(Stop(), 10, val_check_interval=0.5)
