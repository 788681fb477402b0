"""Tasks that leave the decision to stop, and the training."""

from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch.nn.parallel import DistributedDataParallel
from training_kit import Alternating, write_conf

from mtl.config import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.data.loading.loader import ArrayLoading
from mtl.errors import UserError
from mtl.learning import fitting
from mtl.learning.build import build_module
from mtl.learning.callbacks.task_stopping import TaskStopping
from mtl.learning.ending import why_stopped
from mtl.learning.outcome import outcome
from mtl.learning.unfreezing.staged import Staged
from mtl.model.build import build_network

TASKS = ("box", "label")
SCRIPT = {  # of each, two in a row without progress are too many
    "box": [0.5, 0.6, 0.6, 0.55, 0.9, 0.9, 0.9, 0.9],
    "label": [0.1, nan, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3],
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(fitting, "say", lines.append)
    return lines


def module() -> Any:
    network = SimpleNamespace(
        tasks=TASKS, head=lambda task: SimpleNamespace(metrics=("share",)), retired=frozenset()
    )
    weighting = SimpleNamespace(in_force=dict.fromkeys(TASKS, 1.0))
    return SimpleNamespace(network=network, weighting=weighting, mode_of=lambda metric: "max")


def validate(
    callback: TaskStopping,
    epochs: range,
    script: dict[str, list[float]] | None = None,
    others: list[Any] | None = None,
) -> tuple[list[set[str]], Any]:
    """Tasks that are out of the training in each epoch, and the trainer."""
    script = SCRIPT if script is None else script
    trainer: Any = SimpleNamespace(
        state=SimpleNamespace(fn=TrainerFn.FITTING),
        sanity_checking=False,
        should_stop=False,
        is_global_zero=True,
        max_epochs=20,
        max_steps=-1,
        global_step=0,
        callbacks=[*(others or []), callback],
        strategy=SimpleNamespace(broadcast=lambda found: found, model=None),
    )
    own, retired = module(), []
    callback.on_train_start(trainer, own)
    for trainer.current_epoch in epochs:
        if trainer.should_stop:
            break
        callback.on_train_epoch_start(trainer, own)
        retired.append(set(own.network.retired))
        trainer.callback_metrics = {
            f"val/{task}/share": torch.tensor(values[trainer.current_epoch])
            for task, values in script.items()
        }
        callback.on_validation_end(trainer, own)
    return retired, trainer


def test_training_stops_when_all_have_left(said: list[str]) -> None:
    """``box`` has its best in epoch 2 and leaves after 4; ``label``, best in 5, leaves after 7."""
    callback = TaskStopping(patience=2, min_delta=0.0, drop=False)
    retired, trainer = validate(callback, range(8))
    assert len(retired) == 7
    assert not any(retired)
    assert callback.left == {"box": 4, "label": 7}
    assert said == [
        "box: val/box/share not better for 2 validations; the training no longer waits for it",
        "label: val/label/share not better for 2 validations; the training no longer waits for it",
    ]
    trainer.current_epoch = 7
    assert why_stopped(trainer) == (
        "stopped after epoch 7 of 20: all tasks have left (not better for 2 validations): "
        "box after epoch 4, label after epoch 7"
    )
    assert outcome(trainer) == {"left": {"box": 4, "label": 7}}


def test_a_task_that_left_is_out_of_the_training_from_the_next_epoch_on(said: list[str]) -> None:
    callback = TaskStopping(patience=2, min_delta=0.0, drop=True)
    retired, _ = validate(callback, range(8))
    assert retired == [set()] * 4 + [{"box"}] * 3
    assert said[0] == (
        "box: val/box/share not better for 2 validations; out of the training from epoch 5 on"
    )
    # Of the last one, min_epochs may want more.
    assert said[1].endswith("the training no longer waits for it")
    assert callback.dropped == ["box"]


@pytest.mark.parametrize("cut", range(7))
def test_resumed_at_any_epoch(said: list[str], cut: int) -> None:
    whole = TaskStopping(patience=2, min_delta=0.0, drop=True)
    expected, _ = validate(whole, range(8))
    first, second = (TaskStopping(patience=2, min_delta=0.0, drop=True) for _ in range(2))
    before, _ = validate(first, range(cut))
    second.load_state_dict(first.state_dict())
    after, trainer = validate(second, range(cut, 8))
    assert before + after == expected
    assert second.state_dict() == whole.state_dict()
    assert trainer.should_stop


def test_a_decision_to_stop_outlives_a_restart(said: list[str]) -> None:
    first, second = (TaskStopping(patience=2, min_delta=0.0, drop=True) for _ in range(2))
    validate(first, range(7))
    second.load_state_dict(first.state_dict())
    retired, trainer = validate(second, range(7, 8))
    assert (retired, trainer.should_stop) == ([], True)


def test_smaller_progress_is_none_and_who_has_no_metric_has_no_say(said: list[str]) -> None:
    callback = TaskStopping(patience=1, min_delta=0.5, drop=True)
    validate(callback, range(2), {"box": [0.1, 0.5]})
    assert callback.left == {"box": 2}
    assert callback.over
    assert callback.dropped == []


def test_nothing_counts_while_stages_are_to_be_unfrozen(said: list[str]) -> None:
    """The last stage begins to train in epoch 4: that and the next are the first that count."""
    unfreezing = Staged({"stem": 3}, None, 1, 0.0)
    unfreezing.since = {"stem": 3}
    callback = TaskStopping(patience=2, min_delta=0.0, drop=False)
    validate(callback, range(8), {"box": [0.5] * 8}, [unfreezing])
    assert callback.left == {"box": 5}


def test_ddp_that_waits_for_all_gradients_is_refused() -> None:
    wrapped = DistributedDataParallel.__new__(DistributedDataParallel)
    wrapped.__dict__["find_unused_parameters"] = False
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(model=wrapped))
    with pytest.raises(UserError, match=r"task_stopping\.drop needs trainer\.strategy=ddp_find"):
        TaskStopping(1, 0.0, drop=True).on_fit_start(trainer, module())
    TaskStopping(1, 0.0, drop=False).on_fit_start(trainer, module())


@pytest.mark.slow
def test_a_retired_task_is_one_without_labels_while_the_network_trains(tmp_path: Path) -> None:
    cfg = load(["data=alternating", "backbone=plain"], write_conf(tmp_path))
    own = build_module(cfg, build_network(cfg, build_data(cfg).targets))
    data = Alternating(train=20, val=1, test=1, image_size=16)
    batch = ArrayLoading(data.split("train"), data.targets, 0).__getitems__(
        [(0, position) for position in range(5)]
    )
    batch = Batch(batch.image.float() / 127.5 - 1, batch.ids, batch.targets)
    network = own.network
    assert network.label_counts(batch) == {"a": 2, "b": 2}
    network.retired = frozenset({"b"})
    assert network.label_counts(batch) == {"a": 2}
    losses = own.losses(batch)
    assert list(losses) == ["a"]
    losses["a"].backward()
    untouched = {name for name, p in network.named_parameters() if p.grad is None}
    assert untouched == {name for name, _ in network.named_parameters() if ".b." in name}
    network.eval()
    assert list(network.labelled_outputs(batch)) == ["a", "b"]
