"""metrics.csv and TensorBoard's events."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.trainer.states import TrainerFn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mtl.learning.logger.csv_file import CsvFile
from mtl.learning.logger.pictures import is_due
from mtl.learning.logger.tags import tag_of
from mtl.learning.logger.tensorboard import RunTensorBoard
from mtl.learning.logger.tracker import RunFacts, WrittenPicture, closing

SETTINGS: Mapping[str, Any] = {
    "tasks": ["box"],
    "heads": {"box": {"metrics": ["iou"]}},
    "weighting": {"_target_": "mtl.learning.weighting.equal.Equal"},
}


def test_one_number_per_row(tmp_path: Path) -> None:
    log = CsvFile(tmp_path)
    log.log_metrics({"train/loss": 0.5, "epoch": 0}, step=3)
    log.log_metrics({"val/score": 1 / 3, "lr/heads": 1e-12})
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,metric,value",
        "3,train/loss,0.5",
        "0,val/score,0.33333333",
        "0,lr/heads,1e-12",
    ]


def test_what_ctrl_c_left_unsaid_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end took 119 seconds where the thread that writes had not been told of its last piece."""
    log = RunTensorBoard(tmp_path)
    log.log_metrics({"val/score": 0.25}, 1)
    log.save()
    waiting = log.experiment.file_writer.event_writer._async_writer._byte_queue

    def interrupted(count: int = 1) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(waiting.not_empty, "notify", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.log_metrics({"val/score": 0.5}, 2)
    begun = time.monotonic()
    log.finalize("failed")
    assert time.monotonic() - begun < 60
    log.close("failed")
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.value for event in events.Scalars(tag_of("val/score"))] == [0.25, 0.5]


def test_resume_drops_later_rows_and_those_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text("step,metric,value\n4,a,1\n5,a,2\n6,a,3\n7,a")
    CsvFile(tmp_path, purge_step=6).log_metrics({"a": 4.0}, step=6)
    assert file.read_text().splitlines() == ["step,metric,value", "4,a,1", "5,a,2", "6,a,4"]


def test_resume_without_a_file_or_with_an_empty_one(tmp_path: Path) -> None:
    CsvFile(tmp_path, purge_step=2)
    assert not (tmp_path / "metrics.csv").exists()
    (tmp_path / "metrics.csv").touch()
    CsvFile(tmp_path, purge_step=2)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["step,metric,value"]


def test_one_event_file_through_fit_and_test(tmp_path: Path) -> None:
    log = RunTensorBoard(tmp_path)
    facts = RunFacts(SETTINGS, {"lr": 0.1}, command="mtl train lr=0.1")
    png = tmp_path / "figures" / "val.png"
    with closing([log]):
        log.begin(facts)
        log.log_metrics({"val/box/iou": 0.5, "epoch": 0}, step=7)
        log.add_picture("val/predictions", WrittenPicture(png, b"png", 20, 30), 7)
        log.save()
        log.finalize("success")
        log.log_metrics({"test/score": 0.25}, step=8)
        log.finalize("success")
        log.end(facts, {"val/box/iou": 0.5, "test/score": 0.25}, 8)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("events.out.tfevents.")
    events = EventAccumulator(str(tmp_path)).Reload()
    found = {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert found == {
        "box/val/iou": [(7, 0.5)],
        "~epoch": [(7, 0.0)],
        "test/score": [(8, 0.25)],
    }
    (image,) = events.Images("val/predictions")
    assert (image.step, image.width, image.height) == (7, 30, 20)
    text = events.Tensors("command/text_summary")[0].tensor_proto.string_val[0]
    assert text == b"    mtl train lr=0.1\n"
    assert "configuration/text_summary" in events.Tags()["tensors"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("train/box/loss", "box/train/loss"),
        ("val/box/iou", "box/val/iou"),
        ("val/classification/recall/cat", "classification/val/recall/cat"),
        ("test/box/iou", "test/box/iou"),
        ("best/box/iou", "best/box/iou"),
        ("train/loss", "train/loss"),
        ("val/score", "val/score"),
        ("epoch", "~epoch"),
        ("lr/backbone.stem", "~lr/backbone.stem"),
    ],
)
def test_tags(name: str, tag: str) -> None:
    assert tag_of(name) == tag


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, "finished"), (ValueError, "failed"), (KeyboardInterrupt, "interrupted")],
)
def test_trackers_are_closed_however_a_run_ends(
    tmp_path: Path, error: type[BaseException] | None, state: str
) -> None:
    class Watched(RunTensorBoard):
        def close(self, state: Any) -> None:
            seen.append(state)

    seen: list[str] = []
    loggers: list[Any] = [Watched(tmp_path), CsvFile(tmp_path)]
    if error is None:
        with closing(loggers):
            pass
    else:
        with pytest.raises(error), closing(loggers):
            raise error
    assert seen == [state]


@pytest.mark.parametrize(
    ("epochs", "each", "due"),
    [
        (3, 1, [1, 2, 3]),
        (10, 1, list(range(1, 11))),
        (25, 1, [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
        (100, 1, list(range(10, 101, 10))),
        (60, 3, list(range(6, 61, 6))),
        (None, 1, list(range(1, 101))),
    ],
)
def test_trackers_get_a_picture_ten_times(epochs: int | None, each: int, due: list[int]) -> None:
    def is_due_in(epoch: int, fn: TrainerFn = TrainerFn.FITTING) -> bool:
        trainer = SimpleNamespace(
            check_val_every_n_epoch=each,
            max_epochs=epochs,
            current_epoch=epoch - 1,
            state=SimpleNamespace(fn=fn),
            sanity_checking=False,
        )
        return is_due(trainer)  # type: ignore[arg-type]

    validated = range(each, (epochs or 100) + 1, each)
    assert [epoch for epoch in validated if is_due_in(epoch)] == due
    assert is_due_in(1, TrainerFn.TESTING)
