"""Best checkpoints by several metrics."""

from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from test_callbacks import Saver, content

from mtl.config import load
from mtl.config.checkpoint_names import best_by_monitor, check_checkpoint
from mtl.config.measures import mode_of
from mtl.errors import UserError
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.outcome import outcome

HEADS: dict[str, Any] = {
    "box": {
        "metrics": ["iou", "mae"],
        "larger_is_better": {"iou": [0, 1]},
        "smaller_is_better": {"mae": [0, None]},
    },
    "label": {"metrics": ["accuracy"], "larger_is_better": {"accuracy": [0, 1]}},
}
MODULE: Any = SimpleNamespace(
    monitor="val/score",
    mode_of=lambda metric: mode_of(metric, HEADS),
    settings={"heads": HEADS},
)
VALUES = [
    {"val/score": 0.5, "val/box/iou": 0.5, "val/box/mae": 3.0, "val/label/accuracy": nan},
    {"val/score": 0.6, "val/box/iou": 0.4, "val/box/mae": 2.0, "val/label/accuracy": 0.7},
    {"val/score": 0.4, "val/box/iou": 0.3, "val/box/mae": nan, "val/label/accuracy": 0.6},
    {"val/score": 0.3, "val/box/iou": 0.2, "val/box/mae": 2.5, "val/label/accuracy": 0.8},
]


def run(
    folder: Path, monitors: Any, first: int = 0, last: int = 3, fails: tuple[int, str] = (-1, "")
) -> BestAndLast:
    """Epochs ``first`` to ``last``; in ``fails[0]``, writing ``fails[1]`` is cut short."""

    class Cut(Saver):
        def save_checkpoint(self, path: Path) -> None:
            self.fails_at = fails[0] if path.name.split(".")[0] == fails[1] else -1
            super().save_checkpoint(path)

    trainer: Any = Cut(default_root_dir=str(folder), is_global_zero=True)
    callback = BestAndLast(monitors)
    callback.setup(trainer, MODULE, "fit")
    for trainer.epoch in range(first, last + 1):
        trainer.current_epoch = trainer.epoch
        values = VALUES[trainer.epoch].items()
        trainer.callback_metrics = {name: torch.tensor(value) for name, value in values}
        callback.on_train_epoch_end(trainer, MODULE)
    return callback


def test_each_has_its_own_best_epoch_by_its_own_direction(tmp_path: Path) -> None:
    callback = run(tmp_path, ["val/box/iou", "val/box/mae", "val/label/accuracy"])
    assert content(tmp_path) == {
        "best.ckpt": "1",
        "best_box_iou.ckpt": "0",
        "best_box_mae.ckpt": "1",
        "best_label_accuracy.ckpt": "3",
        "last.ckpt": "3",
    }
    trainer: Any = SimpleNamespace(callbacks=[callback])
    found = outcome(trainer)["best_by_monitor"]
    assert {name: (its["epoch"], round(its["score"], 6)) for name, its in found.items()} == {
        "val/box/iou": (1, 0.5),
        "val/box/mae": (2, 2.0),
        "val/label/accuracy": (4, 0.8),
    }
    assert found["val/box/mae"]["checkpoint"] == "best_box_mae"


def test_tasks_stands_for_every_main_metric(tmp_path: Path) -> None:
    run(tmp_path, "tasks", last=0)
    names = {"best.ckpt", "best_box_iou.ckpt", "best_label_accuracy.ckpt", "last.ckpt"}
    assert content(tmp_path).keys() == names
    trainer: Any = SimpleNamespace(callbacks=[BestAndLast()])
    assert outcome(trainer) == {}


@pytest.mark.parametrize("written", ["best", "best_box_mae", "best_label_accuracy", "last"])
def test_a_kill_between_two_files_is_made_good(tmp_path: Path, written: str) -> None:
    """Epoch 1 betters all but one; whoever resumes has the state of epoch 0 and repeats it."""
    monitors = ["val/box/iou", "val/box/mae", "val/label/accuracy"]
    whole = run(tmp_path / "whole", monitors)
    before = run(tmp_path / "cut", monitors, last=0).state_dict()
    with pytest.raises(KeyboardInterrupt):
        # As if it had been running on.
        resumed(tmp_path / "cut", monitors, before, fails=(1, written))
    assert all(text in "01" for text in content(tmp_path / "cut").values())
    assert content(tmp_path / "cut")["last.ckpt"] == "0"
    assert not list((tmp_path / "cut" / "checkpoints").glob("*.part"))
    callback = resumed(tmp_path / "cut", monitors, before)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    assert callback.state_dict() == whole.state_dict()


def resumed(folder: Path, monitors: Any, state: dict[str, Any], **more: Any) -> BestAndLast:
    setup = BestAndLast.setup

    def with_state(self: BestAndLast, *arguments: Any) -> None:
        setup(self, *arguments)
        self.load_state_dict(state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BestAndLast, "setup", with_state)
        return run(folder, monitors, first=1, **more)


def test_names_are_fit_for_files() -> None:
    monitors = ["val/loss", "val/box/loss", "val/label/recall_traffic light/../x"]
    assert list(best_by_monitor(monitors, HEADS)) == [
        "best_loss",
        "best_box_loss",
        "best_label_recall_traffic-light_.._x",
    ]
    with pytest.raises(UserError, match="val/loss is there twice"):
        best_by_monitor(["val/loss", "val/loss"], HEADS)
    with pytest.raises(UserError, match="would both be kept as best_a_b_c"):
        best_by_monitor(["val/a_b/c", "val/a/b_c"], HEADS)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("task", "must be one of tasks or a list"),
        ("[val/box/iuo]", "callbacks.checkpoint.monitors=val/box/iuo: is not logged; did you mean"),
        ("[iou]", "callbacks.checkpoint.monitors=iou: is not logged"),
        ("[val/box/iou,val/box/iou]", "val/box/iou is there twice"),
        ("[3]", "callbacks.checkpoint.monitors=[3]: "),
    ],
)
def test_checked_when_composing(value: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        load(["tasks=[classification,box]", f"callbacks.checkpoint.monitors={value}"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_checkpoints_are_asked_for_by_name() -> None:
    cfg = load(["tasks=[classification,box]", "callbacks.checkpoint.monitors=tasks"])
    for name in ("best", "last", "best_box_iou", "best_classification_accuracy"):
        check_checkpoint(name, cfg)
    with pytest.raises(UserError) as error:
        check_checkpoint("best_box_mae", cfg)
    assert str(error.value) == (
        "checkpoint=best_box_mae: no checkpoint 'best_box_mae'; did you mean 'best_box_iou'? "
        "There are: best, best_box_iou, best_classification_accuracy, last"
    )
    with pytest.raises(UserError, match="There are: best, last"):
        check_checkpoint("best_box_iou", load([]))
