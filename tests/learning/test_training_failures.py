"""What a run does when it can't go on: losses that are not finite, and broken files."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from training_kit import checkpoint, label_of, write_conf
from voc_factory import make_voc

from mtl.config.load import load
from mtl.data.loading.sampler import EpochSampler
from mtl.errors import RunError, UserError
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.runs.replay import replay
from mtl.runs.train import train

VOC = [
    "callbacks.figures.enabled=false",
    "data=voc_folder",
    "tasks=[multilabel]",
    "image_size=32",
    "batch_size=2",
    "epochs=2",
    "backbone.width=4",
    "augmentation=none",
]


def status(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "status.json").read_text())
    return found


def batches_with_a(epochs: int) -> list[tuple[int, int, list[str]]]:
    """Epoch, step (both from 1) and ids of each batch of 5 in which task a has a label."""
    sampler, found, step = EpochSampler(20, 0, shuffle=True), [], 0
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        order = [position for _, position in sampler]
        for first in range(0, 20, 5):
            step += 1
            batch = order[first : first + 5]
            if any(label_of(position)[0] >= 0 for position in batch):
                found.append((epoch + 1, step, [f"train/{position}" for position in batch]))
    return found


@pytest.mark.parametrize("fail_at", [1, 7])
def test_loss_that_is_not_finite_stops_the_run(tmp_path: Path, fail_at: int) -> None:
    epoch, step, ids = batches_with_a(3)[fail_at - 1]
    conf = write_conf(tmp_path / "conf")
    own = ["head@heads.a=failing", f"heads.a.fail_at={fail_at}", "batch_size=5", "epochs=3"]
    base = ["data=alternating", "backbone=plain", "augmentation=none"]
    folder = tmp_path / "run"
    with pytest.raises(RunError) as caught:
        train(load([*base, *own], conf), folder)
    said = re.fullmatch(
        r"the loss of task a is not finite in epoch (\d), step (\d+); samples: (.*); "
        r"last good checkpoint: (.*) \(a smaller lr or trainer.gradient_clip_val may help; "
        r"mtl replay run=(.*) goes through it again\)",
        str(caught.value),
    )
    assert said is not None, caught.value
    assert (int(said[1]), int(said[2]), said[3].split(", ")) == (epoch, step, ids)
    if epoch == 1:
        assert said[4] == "none yet"
    else:
        assert Path(said[4]) == folder / "checkpoints" / "last.ckpt"
        assert checkpoint(folder, "last")["global_step"] == 4 * (epoch - 1)
    assert Path(said[5]) == folder
    again = replay(load([*base, *own[:1], "heads.a.fail_at=1", *own[2:]], conf), folder)
    assert (again.bad, again.kept["samples"]) == (["a"], ids)
    assert {row.task: row.samples > 0 for row in again.tasks}["a"]
    assert again.values[0].name == "image"
    assert again.values[0].not_finite == 0
    assert status(folder)["state"] == "failed"
    assert status(folder)["error"] == str(caught.value)
    assert "RunError" in (folder / "traceback.txt").read_text()
    assert not (folder / "results.json").exists()


def test_learning_rate_far_too_large(tmp_path: Path) -> None:
    conf = write_conf(tmp_path / "conf")
    own = ["lr=1e38", "optimizer=sgd", "trainer.gradient_clip_val=null", "batch_size=4"]
    base = ["data=alternating", "backbone=plain", "augmentation=none", "scheduler=constant"]
    with pytest.raises(RunError, match=r"the loss of task [ab] is not finite in epoch \d, step"):
        train(load([*base, *own], conf), tmp_path / "run")


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_files_are_skipped_counted_and_listed(tmp_path: Path, workers: int) -> None:
    root = make_voc(tmp_path / "voc", n_train=6, n_val=3, n_test=3, size=(40, 32), masks=False)
    images = root / "JPEGImages"
    broken = [images / f"{name}.jpg" for name in ("train1", "val0", "test2")]
    broken[0].write_bytes(broken[0].read_bytes()[:700])
    broken[1].write_bytes(b"")
    broken[2].write_bytes(b"no image")
    folder = tmp_path / "run"
    own = [f"data.root={root}", f"data.workers={workers}", "data.on_error=skip"]
    metrics = train(load([*VOC, *own]), folder)
    assert {"val/multilabel/map", "test/multilabel/map"} <= metrics.keys()
    results = json.loads((folder / "results.json").read_text())
    assert results["skipped_samples"] == 3
    skipped = json.loads((folder / "skipped.json").read_text())
    assert skipped["count"] == 3
    assert sorted(skipped["samples"]) == sorted(str(path) for path in broken)
    for path, reason in skipped["samples"].items():
        assert reason.startswith(f"{path}: ")
    assert "is empty" in skipped["samples"][str(broken[1])]
    seen = checkpoint(folder, "last")["callbacks"]["Throughput"]["images"]
    assert seen == 2 * 5  # every good training sample, each epoch
    assert status(folder)["state"] == "finished"


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_file_stops_the_run_which_goes_on_when_told_to_skip(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file breaks after the first epoch's checkpoints were written."""
    root = make_voc(tmp_path / "voc", n_train=6, n_val=2, n_test=2, size=(40, 32), masks=False)
    path = root / "JPEGImages" / "train3.jpg"
    write: Callable[..., None] = BestAndLast._write

    def write_and_break(trainer: object, target: Path) -> None:
        write(trainer, target)
        if target.name == "last.ckpt":
            path.write_bytes(path.read_bytes()[:600])

    monkeypatch.setattr(BestAndLast, "_write", staticmethod(write_and_break))
    folder = tmp_path / "run"
    base = [*VOC, f"data.root={root}", f"data.workers={workers}"]
    with pytest.raises(UserError, match=re.escape(str(path))) as caught:
        train(load(base), folder)
    assert "truncated" in str(caught.value).lower()
    assert str(caught.value).endswith("(data.on_error=skip goes on without such samples)")
    assert status(folder) | {"started": "", "updated": ""} == {
        "state": "failed",
        "error": str(caught.value),
        "started": "",
        "updated": "",
    }
    assert checkpoint(folder, "last")["epoch"] == 0
    train(load([*base, "data.on_error=skip"]), folder)
    assert "error" not in status(folder)
    skipped = json.loads((folder / "skipped.json").read_text())
    assert list(skipped["samples"]) == [str(path)]


@pytest.mark.parametrize("split", ["val", "test"])
def test_broken_files_outside_training_stop_it_too(tmp_path: Path, split: str) -> None:
    root = make_voc(tmp_path / "voc", n_train=2, n_val=2, n_test=2, size=(40, 32), masks=False)
    path = root / "JPEGImages" / f"{split}1.jpg"
    path.unlink()
    own = [f"data.root={root}", "epochs=1", "data.workers=0"]
    with pytest.raises(UserError, match=re.escape(f"{path}: does not exist")):
        train(load([*VOC, *own]), tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists() == (split == "test")


def test_our_own_bug_leaves_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("mtl.runs.train.print_summary", fail)
    conf = write_conf(tmp_path / "conf")
    with pytest.raises(ZeroDivisionError):
        train(load(["data=alternating", "backbone=plain"], conf), tmp_path / "run")
    assert status(tmp_path / "run")["error"] == "ours"
    assert "ZeroDivisionError: ours" in (tmp_path / "run" / "traceback.txt").read_text()


def test_interrupt_is_said_in_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mtl.runs.train.print_summary", stop)
    conf = write_conf(tmp_path / "conf")
    with pytest.raises(KeyboardInterrupt):
        train(load(["data=alternating", "backbone=plain"], conf), tmp_path / "run")
    assert status(tmp_path / "run")["state"] == "interrupted"
