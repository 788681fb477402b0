"""metrics.csv and TensorBoard's events."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mtl.learning.logger.csv_file import CsvFile
from mtl.learning.logger.tensorboard import RunTensorBoard


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


def test_events_lie_in_the_folder_itself(tmp_path: Path) -> None:
    log = RunTensorBoard(tmp_path)
    log.log_table({"lr": 0.1}, ["hp/score"], ["hp/score", "hp/box/iou"])
    log.log_metrics({"val/score": 0.5}, step=7)
    log.save()
    log.finalize("success")
    assert all(p.name.startswith("events.out.tfevents.") for p in tmp_path.iterdir())
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("val/score")] == [(7, 0.5)]
    assert [(e.step, e.value) for e in events.Scalars("hp/score")] == [(0, 0.0)]
