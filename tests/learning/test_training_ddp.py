"""Two processes on the processor, one of them started by the other, or both by someone else."""

import contextlib
import io
import json
import os
import signal
import time
from pathlib import Path

import fresh
import pytest
from launch_kit import meeting_place, torchrun
from training_kit import checkpoint, write_conf

from mtl.cli.main import main
from mtl.runs.samples import KeptSamples

ARGUMENTS = [
    "name=pair",
    "trainer=ddp",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.precision=32-true",
    "data=partly",
    "data.train=26",
    "data.val=5",
    "data.test=5",
    "tasks=[classification,detection]",
    "image_size=32",
    "batch_size=1",
    "epochs=2",
    "backbone.width=4",
    "heads.detection.channels=32",
    "callbacks.samples.enabled=true",
]


def test_two_processes_train_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sample per process and step: often one has labels that the other lacks, or none.

    The first process evaluates two batches more than the second has.
    """
    conf = write_conf(tmp_path / "conf")
    done = fresh.mtl("train", "--config-dir", str(conf), *ARGUMENTS, cwd=tmp_path).wait(200)
    assert done.code == 0, done.out + done.err
    assert "It is recommended" not in done.err
    (folder,) = (tmp_path / "outputs" / "runs" / "pair").iterdir()
    assert done.out.count("run folder:") == 1
    assert done.out.count("epoch 2/2") == 1
    results = json.loads((folder / "results.json").read_text())
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    last = checkpoint(folder, "last")
    assert last["global_step"] == 2 * 13
    assert last["callbacks"]["Throughput"]["images"] == 2 * 26
    monkeypatch.chdir(tmp_path)
    for split in ("val", "test"):
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["eval", "trust=[training_kit]", f"run={folder}", f"split={split}"]) == 0
        alone = json.loads((folder / "eval" / f"{split}.json").read_text())["metrics"]
        assert f"{split}/detection/map" in alone
        together = {k: v for k, v in results["metrics"].items() if k.startswith(f"{split}/")}
        assert together == pytest.approx(alone, rel=1e-4, abs=1e-6)
    curves, again = (
        json.loads((folder / name).read_text())
        for name in ("curves/test.json", "eval/curves_test.json")
    )
    for task in ("classification", "detection"):
        assert curves[task]["confusion"] == again[task]["confusion"]
    kept = KeptSamples.load(folder)
    assert kept is not None
    assert sorted(kept.ids("detection")) == [f"test/{row}" for row in (0, 1, 3, 4)]
    for task, metric in (("classification", "accuracy"), ("detection", "map")):
        measured = results["metrics"][f"test/{task}/{metric}"]
        assert kept.score(task) == pytest.approx(measured, abs=1e-6)


def started(folder: Path, *arguments: str) -> list[fresh.Fresh]:
    """Two processes as torchrun starts them, each in a folder of its own."""
    place = meeting_place()
    return [
        fresh.mtl("train", *arguments, cwd=folder / str(rank), env=torchrun(rank, 2) | place)
        for rank in range(2)
    ]


def test_a_sample_that_one_process_cannot_read_ends_both(tmp_path: Path) -> None:
    """With one message, in one folder; neither process waits for the other or ends it."""
    conf = write_conf(tmp_path / "conf")
    own = ["data=broken", "data.train=20", "batch_size=2", "data.workers=0", "epochs=2"]
    own += ["backbone=plain", "trainer=ddp", "trainer.accelerator=cpu"]
    own += ["trainer.precision=32-true", "name=pair"]
    ranks = started(tmp_path, "--config-dir", str(conf), *own)
    for rank in ranks:
        rank.wait(150)  # gloo would wait for half an hour
    said = "".join(rank.err for rank in ranks)
    assert [rank.code for rank in ranks] == [2, 2], said
    hint = "(data.on_error=skip goes on without such samples)"
    lines = [line for line in said.splitlines() if line.startswith("mtl:")]
    assert lines == [f"mtl: train/5: is broken {hint}"]
    assert "Traceback" not in said
    (folder,) = (tmp_path / "0" / "outputs" / "runs" / "pair").iterdir()
    assert not (tmp_path / "1" / "outputs").exists()
    assert json.loads((folder / "status.json").read_text())["state"] == "failed"
    assert not (folder / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
def test_a_signal_to_one_process_lets_both_leave(tmp_path: Path) -> None:
    """At the same step; the first one says why, and how the run goes on."""
    conf = write_conf(tmp_path / "conf")
    own = ["data=counting", "data.workers=0", "batch_size=2", "epochs=500", "backbone=plain"]
    own += ["trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true", "name=pair"]
    own += ["trainer.log_every_n_steps=2", "callbacks.curves.enabled=false", "logger=none"]
    ranks = started(tmp_path, "--config-dir", str(conf), *own, "callbacks.figures.enabled=false")
    while "epoch   2/500" not in ranks[0].out and ranks[0].code is None:
        time.sleep(0.05)
    os.kill(ranks[1].process.pid, signal.SIGUSR1)
    for rank in ranks:
        rank.wait(100)
    said = [rank.err + rank.out for rank in ranks]
    assert [rank.code for rank in ranks] == [130, 130], said
    assert "a signal to another process: leaving in epoch" in said[0]
    assert "mtl: interrupted; the run goes on with: mtl train --config-dir" in said[0]
    assert "mtl:" not in said[1]
    (folder,) = (tmp_path / "0" / "outputs" / "runs" / "pair").iterdir()
    assert json.loads((folder / "status.json").read_text())["state"] == "interrupted"
    assert checkpoint(folder, "last")["mtl"]["processes"] == 2
