"""Faults in the middle of a training: nothing is lost, one line is said, and the run goes on."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

import fresh
import pytest
from tensorboard.compat.tensorflow_stub.io.gfile import LocalFileSystem
from test_fault_words import FULL, fill, raising
from training_kit import Watched, checkpoint, write_conf

from mtl.config.load import load
from mtl.errors import RunError
from mtl.files import read_json
from mtl.runs.train import train

BASE = ["backbone=plain", "augmentation=none", "batch_size=4"]


def ends(folder: Path) -> tuple[str, str]:
    status = read_json(folder / "status.json")
    return status["state"], status.get("error", "")


def test_a_disk_that_is_full_while_this_and_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The clock is set back meanwhile, too."""
    clock = iter(range(2_000_000_000, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    monkeypatch.chdir(tmp_path)
    cfg = load(["data=alternating", *BASE, "epochs=2"], write_conf(tmp_path / "conf"))
    run = tmp_path / "run"

    with monkeypatch.context() as patch:
        fill(patch, "last.ckpt")
        with pytest.raises(RunError, match=r"run/checkpoints/last\.ckpt can't be written") as said:
            train(cfg, run)
    assert ends(run) == ("failed", str(said.value))
    assert "the disk is full (No space left on device, 0.0" in str(said.value)
    assert str(said.value).endswith("MB free): make room")  # there is nothing to go on from
    assert checkpoint(run, "best")["epoch"] == 0
    assert not list(run.rglob("*.part"))

    with monkeypatch.context() as patch:
        fill(patch, "results.json")
        with pytest.raises(RunError, match=r"run/results\.json can't be written") as said:
            train(cfg, run)
    assert str(said.value).endswith("make room; hydra.run.dir=run goes on with the run")
    assert checkpoint(run, "last")["epoch"] == 1
    assert not (run / "results.json").exists()

    # Pictures and events are no reason to end.
    capsys.readouterr()
    with monkeypatch.context() as patch:
        fill(patch, ".png")
        patch.setattr(LocalFileSystem, "append", raising(FULL))
        train(cfg, run)
    assert ends(run) == ("finished", "")
    found = capsys.readouterr()
    lines = [line for line in found.out.splitlines() if "the disk is full" in line]
    assert len(lines) == 2, found.out
    assert sum("goes on without pictures" in line for line in lines) == 1
    assert sum("goes on without TensorBoard's events" in line for line in lines) == 1
    assert "Traceback" not in found.out + found.err
    results = json.loads((run / "results.json").read_text())
    assert results["duration_s"] >= 0


def test_a_data_loading_process_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = ["data=counting", *BASE, "epochs=2", "data.workers=1", "callbacks.figures.enabled=false"]
    cfg = load(own, write_conf(tmp_path / "conf"))
    run, read = tmp_path / "run", Watched.read
    main = os.getpid()

    def killed(self: Watched, index: int, size: int | None = None) -> Any:
        if os.getpid() != main and (run / "checkpoints" / "last.ckpt").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return read(self, index, size)

    with monkeypatch.context() as patch:
        patch.setattr(Watched, "read", killed)
        with pytest.raises(RunError) as said:
            train(cfg, run)
    assert re.fullmatch(
        r"a data-loading process \(pid \d+\) (was killed \(Killed\)|ended unexpectedly), most "
        r"often for want of memory: fewer data\.workers need less"
        r"(; else data\.workers=0 shows why)?; hydra\.run\.dir=run goes on with the run",
        str(said.value),
    )
    assert ends(run) == ("failed", str(said.value))
    assert checkpoint(run, "last")["epoch"] == 0
    train(cfg, run)
    assert ends(run) == ("finished", "")


def test_a_process_of_two_that_is_killed_ends_the_other(tmp_path: Path) -> None:
    """The first, whose status it is, within an epoch: one message, and soon."""
    conf, folder = write_conf(tmp_path / "conf"), tmp_path / "run"
    own = ["data=counting", *BASE, "data.workers=1", "epochs=500", "trainer=ddp"]
    own += ["trainer.accelerator=cpu", "trainer.devices=2", "trainer.precision=32-true"]
    own += ["callbacks.figures.enabled=false", "callbacks.curves.enabled=false"]
    own += ["data.train=80", f"hydra.run.dir={folder}"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    ranks = [
        fresh.mtl(
            *("train", "--config-dir", str(conf), *own),
            cwd=tmp_path / str(rank),
            env={**place, "WORLD_SIZE": "2", "NODE_RANK": "0", "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    first, left = ranks
    while not (folder / "checkpoints" / "last.ckpt").exists() and first.code is None:
        time.sleep(0.05)
    first.process.kill()
    left.wait(60)
    assert left.code == 1, left.out + left.err
    assert "Traceback" not in left.err
    assert [line for line in left.err.splitlines() if line.startswith("mtl:")] == [
        "mtl: process 1: another process of this run has gone: what it said last tells why, if it "
        f"was not killed for want of memory; hydra.run.dir={folder} goes on with the run"
    ]
    assert ends(folder)[0] == "failed"
    checkpoint(folder, "last")
