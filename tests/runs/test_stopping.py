"""Runs that are ended from outside, and machines without this or that."""

import errno
import os
import shlex
import signal
import time
from pathlib import Path

import fresh
import pytest
from training_kit import checkpoint, write_conf

from mtl.config.load import load
from mtl.data.loading.module import MultiTaskData
from mtl.errors import UserError
from mtl.files import read_json
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.module import MultiTaskModule
from mtl.runs.environment import environment
from mtl.runs.stopping import SIGNALS, after_interruption, stopped_by_signals
from mtl.runs.train import train

BASE = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4", "epochs=2"]
BASE.append("callbacks.figures.enabled=false")
COUNTING = ["data=counting", "backbone=plain", "augmentation=none", "batch_size=4"]


@pytest.fixture
def cfg(tmp_path: Path):
    return load([*BASE, "monitor=val/loss"], write_conf(tmp_path / "conf"))


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_leaves_the_run_interrupted(
    cfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number = getattr(signal, name)
    # Whoever started the tests may have asked to ignore it (nohup does).
    around = signal.signal(number, signal.SIG_DFL)

    def killed(*_: object) -> None:
        os.kill(os.getpid(), number)

    def gone(*_: object) -> None:
        os.kill(os.getpid(), number)
        raise OSError(errno.EIO, "Input/output error")

    if name == "SIGTERM":
        # Within the first step, which is done first.
        monkeypatch.setattr(MultiTaskModule, "check_finite", killed)
    else:
        monkeypatch.setattr(BestAndLast, "on_train_epoch_end", killed)
    if name == "SIGHUP":
        # The terminal is gone, so that the display can't say goodbye.
        monkeypatch.setattr(BestAndLast, "on_exception", gone, raising=False)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(cfg, tmp_path / "run")
        assert read_json(tmp_path / "run" / "status.json")["state"] == "interrupted"
        assert signal.getsignal(number) == signal.SIG_DFL
        if name == "SIGTERM":
            left = checkpoint(tmp_path / "run", "last")
            assert (left["global_step"], left["mtl"]["batches"]) == (1, 1)
    finally:
        signal.signal(number, around)


def test_a_signal_to_the_whole_group_is_no_failure(tmp_path: Path) -> None:
    """Workers get it too."""
    conf = write_conf(tmp_path / "conf")
    own = ["epochs=500", "data.workers=2", "hydra.run.dir=run", "tasks=[a]"]
    running = fresh.mtl("train", "--config-dir", str(conf), *COUNTING, *own, cwd=tmp_path)
    while "\nepoch   2" not in running.out and running.code is None:
        time.sleep(0.05)
    os.killpg(running.process.pid, signal.SIGTERM)
    running.wait(60)
    arguments = shlex.join(["--config-dir", str(conf), *COUNTING, *own])
    assert running.err == f"mtl: interrupted; the run goes on with: mtl train {arguments}\n"
    assert running.code == 130
    assert "Traceback" not in running.out
    assert read_json(tmp_path / "run" / "status.json")["state"] == "interrupted"


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_signal_counts() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with stopped_by_signals():
            with pytest.raises(KeyboardInterrupt, match="SIGHUP"):
                os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
            # Inside another one, as a job of a sweep is.
            with stopped_by_signals():
                os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_an_interruption_leads_to_is_no_failure() -> None:
    def interrupted() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError) as error:
        interrupted()
    assert after_interruption(error.value)
    assert not after_interruption(BrokenPipeError())


def test_no_git_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment()["commit"] is None


def test_a_task_that_nobody_labels_is_refused_before_training(
    cfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = MultiTaskData.files

    def without(self: MultiTaskData, split: str):
        source = files(self, split)  # type: ignore[arg-type]
        if source is not None and split in splits:
            source.targets["b"][:] = -1  # type: ignore[attr-defined]
        return source

    monkeypatch.setattr(MultiTaskData, "files", without)
    splits = ["train"]
    with pytest.raises(UserError, match="no train sample is labelled for the task b"):
        train(cfg, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    splits = ["val"]
    train(cfg, tmp_path / "run")
    assert "no val sample is labelled for the task b" in capsys.readouterr().out
