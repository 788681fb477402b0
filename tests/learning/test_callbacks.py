"""Checkpoints, early stopping, throughput and lines, each by itself."""

import re
from math import inf, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mtl.config.measures import mode_of
from mtl.learning.callbacks import progress
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.learning.callbacks.figures import Figures
from mtl.learning.callbacks.progress import EpochLines
from mtl.learning.callbacks.throughput import Throughput

HEADS = {
    "box": {
        "larger_is_better": {"iou": [0, 1]},
        "smaller_is_better": {"mae": [0, None]},
    },
}


def module_of(monitor: str) -> Any:
    return SimpleNamespace(monitor=monitor, mode_of=lambda metric: mode_of(metric, HEADS))


class Saver(SimpleNamespace):
    """A trainer that writes the current epoch as a checkpoint."""

    def save_checkpoint(self, path: Path) -> None:
        path.write_text(str(self.epoch))
        if self.epoch == self.fails_at:
            raise KeyboardInterrupt


def epochs(
    folder: Path, scores: list[float | None], monitor: str, fails_at: int = -1
) -> tuple[BestAndLast, Any]:
    callback = BestAndLast()
    trainer: Any = Saver(default_root_dir=str(folder), is_global_zero=True, fails_at=fails_at)
    module = module_of(monitor)
    callback.setup(trainer, module, "fit")
    for trainer.epoch, score in enumerate(scores):
        trainer.current_epoch = trainer.epoch
        trainer.callback_metrics = {} if score is None else {monitor: torch.tensor(score)}
        callback.on_train_epoch_end(trainer, module)
    return callback, trainer


def content(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in (folder / "checkpoints").iterdir()}


@pytest.mark.parametrize(
    ("monitor", "scores", "best"),
    [
        ("val/score", [0.3, 0.5, 0.4, 0.5], "1"),
        ("val/loss", [0.3, 0.5, 0.2, 0.4], "2"),
        ("val/box/mae", [3.0, 2.0, 2.5], "1"),
        ("val/score", [None, None], "1"),
        ("val/score", [None, 0.1, 0.0], "1"),
        ("val/score", [0.5, None], "0"),
        ("val/score", [nan, 0.1, 0.2, inf], "2"),
        ("val/loss", [-inf, nan, 7.0, nan], "2"),
        ("val/loss", [nan, nan], "1"),
    ],
)
def test_best_and_last(tmp_path: Path, monitor: str, scores: list[float | None], best: str) -> None:
    callback, _ = epochs(tmp_path, scores, monitor)
    assert content(tmp_path) == {"best.ckpt": best, "last.ckpt": str(len(scores) - 1)}
    assert callback.last_model_path == str(tmp_path / "checkpoints" / "last.ckpt")


def test_kill_in_the_middle_of_writing_keeps_the_one_before(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        epochs(tmp_path, [0.5, 0.6], "val/score", fails_at=1)
    assert content(tmp_path) == {"best.ckpt": "0", "last.ckpt": "0"}
    epochs(tmp_path, [0.7], "val/score")
    assert content(tmp_path) == {"best.ckpt": "0", "last.ckpt": "0"}


def test_best_score_is_remembered(tmp_path: Path) -> None:
    callback, trainer = epochs(tmp_path, [0.5], "val/score")
    other = BestAndLast()
    other.load_state_dict(callback.state_dict())
    module = module_of("val/score")
    other.setup(trainer, module, "fit")
    trainer.epoch, trainer.callback_metrics = 1, {"val/score": torch.tensor(0.4)}
    other.on_train_epoch_end(trainer, module)
    assert content(tmp_path) == {"best.ckpt": "0", "last.ckpt": "1"}


@pytest.mark.parametrize(("waited", "stops"), [(1, False), (2, True)])
def test_decision_to_stop_outlives_a_restart(waited: int, stops: bool) -> None:
    callback = ResumableEarlyStopping("val/box/mae", patience=2, min_delta=0.0)
    own: Any = SimpleNamespace(val_check_interval=1.0, check_val_every_n_epoch=1)
    callback.setup(own, module_of("val/box/mae"), "fit")
    assert callback.mode == "min"
    callback.load_state_dict({**callback.state_dict(), "wait_count": waited})
    trainer: Any = SimpleNamespace(should_stop=False)
    callback.on_train_start(trainer, SimpleNamespace())  # type: ignore[arg-type]
    assert trainer.should_stop == stops


def test_throughput_counts_over_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("mtl.learning.callbacks.throughput.time.perf_counter", lambda: clock.now)
    trainer: Any = SimpleNamespace(world_size=2)

    def step(callback: Throughput, wait: float, work: float) -> None:
        clock.now += wait
        callback.on_train_batch_start(trainer, trainer, [1, 2, 3], 0)
        clock.now += work
        callback.on_train_batch_end(trainer, trainer, None, [1, 2, 3], 0)

    first = Throughput()
    assert (first.images_per_second, first.data_wait) == (0.0, 0.0)
    first.on_train_epoch_start(trainer, trainer)
    step(first, 1.0, 3.0)
    state = first.state_dict()
    clock.now += 100
    second = Throughput()
    second.load_state_dict(state)
    second.on_train_epoch_start(trainer, trainer)
    step(second, 1.0, 3.0)
    assert second.images_per_second == 12 / 8
    assert second.data_wait == 0.25
    assert second.duration == 8.0


def test_line_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    piped = SimpleNamespace(print=said.append, is_terminal=False)
    monkeypatch.setattr(progress, "console", piped)
    head = SimpleNamespace(metrics=("map", "recall"))
    module: Any = SimpleNamespace(network=SimpleNamespace(head=lambda task: head))
    metrics = {"val/loss": 2.0, "val/score": 0.5, "val/x/map": 0.5, "val/x/recall": 0.25}
    trainer: Any = SimpleNamespace(
        is_global_zero=True, max_epochs=10, current_epoch=1, callback_metrics=metrics
    )
    line = EpochLines()
    line.on_train_epoch_start(trainer, module)
    line.on_validation_end(trainer, module)
    line.on_train_epoch_end(trainer, module)
    assert said == []  # its checkpoint is not there yet
    line.on_train_end(trainer, module)
    assert said[0].startswith("epoch  2/10  val/loss 2.0000  val/score 0.5000  val/x/map 0.5000  ")
    trainer.current_epoch = 2  # in which nothing is validated
    line.on_train_epoch_start(trainer, module)
    line.on_train_epoch_end(trainer, module)
    line.on_train_end(trainer, module)
    assert re.fullmatch(r"epoch  3/10  \d\.\d s", said[1])


def test_only_the_first_batch_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(Figures, "_draw", lambda *arguments: drawn.append(arguments[-1]))
    figures, nothing = Figures(2, 0), SimpleNamespace()
    for number in range(3):
        figures.on_validation_batch_end(nothing, nothing, None, nothing, number)  # type: ignore[arg-type]
        figures.on_test_batch_end(nothing, nothing, None, nothing, number)  # type: ignore[arg-type]
    assert drawn == ["val", "test"]
