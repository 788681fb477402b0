"""Weights & Biases and MLflow, the real packages, without a network."""

import json
import struct
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from mtl.config.load import load
from mtl.config.paths import SWEEP_FILE
from mtl.drawing.write import write_png
from mtl.errors import UserError
from mtl.learning.build import build_loggers
from mtl.learning.callbacks import tracking
from mtl.learning.logger.tracked_as import FILE
from mtl.learning.logger.tracker import RunFacts, Tracker, WrittenPicture, closing

FACTS = RunFacts(
    settings={"tasks": ["box"], "lr": 0.1},
    hyperparameters={"weighting": "equal", "seed": 3, "head@heads.fine": "box"},
    command="mtl train seed=3",
)
METRICS = {"val/box/iou": 0.75, "test/box/iou": 0.5}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home without keys, in an empty folder."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return


def needed(package: str) -> None:
    """Skip where it is not installed; it must not be imported before the tracker does it."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def tracker(folder: Path, *overrides: str) -> Any:
    """The tracker of a run, among its loggers."""
    loggers = build_loggers(load(list(overrides)), folder, None)
    assert len(loggers) == 3
    (found,) = (log for log in loggers if isinstance(log, Tracker) and "Tensor" not in repr(log))
    return found


def run(folder: Path, log: Any, first: int, error: type[Exception] | None = None) -> None:
    """A run's whole way through a tracker, two epochs."""
    write_png(folder / "figures" / "val.png", np.zeros((8, 8, 3), np.uint8))
    (folder / "config.yaml").write_text("lr: 0.1\n")
    picture = WrittenPicture(folder / "figures" / "val.png", b"", 8, 8)
    with closing([log]):
        log.begin(FACTS)
        for step in (first, first + 1):
            log.log_metrics({"val/box/iou": step / 10, "epoch": step}, step=step)
            log.add_picture("val/predictions", picture, step)
        if error is not None:
            raise error
        log.log_metrics({"test/box/iou": 0.5}, step=first + 1)
        log.finalize("success")
        log.end(FACTS, METRICS, first + 1)


def offline_records(folder: Path) -> list[dict[str, Any]]:
    """What an offline run of Weights & Biases has written, record by record.

    Its file is a log as LevelDB writes them, in blocks of 32 KiB, behind a header of 7 bytes: each
    piece has a checksum, its length and whether it is whole, a beginning, a middle or an end.
    """
    from google.protobuf.json_format import MessageToDict
    from wandb.proto import wandb_internal_pb2

    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    content, place, found, begun = file.read_bytes(), 7, [], b""
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        begun += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record.FromString(begun)
            found.append(MessageToDict(record))
            begun = b""
    return found


def rows(records: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """The numbers of each step."""
    return [
        {
            item.get("key") or "/".join(item["nestedKey"]): json.loads(item["valueJson"])
            for item in r
        }
        for record in records
        if (r := record.get("history", {}).get("item"))
    ]


@pytest.mark.slow
def test_wandb_stays_in_the_folder_without_a_key(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    needed("wandb")
    folder = tmp_path / "sweep" / "seed-3"
    folder.mkdir(parents=True)
    (folder.parent / SWEEP_FILE).write_text("{}")
    log = tracker(folder, "logger=wandb", "name=mine")
    run(folder, log, 1)
    assert capfd.readouterr() == ("", "")
    number = json.loads((folder / FILE).read_text())["wandb"]
    import wandb

    wandb.teardown()  # which waits for its process
    records = offline_records(folder)
    (about,) = (record["run"] for record in records if "run" in record)
    assert (about["runId"], about["displayName"]) == (number, "seed-3")
    assert (about["project"], about["runGroup"]) == ("mine", "sweep")
    found = rows(records)
    assert [row["val/box/iou"] for row in found if "val/box/iou" in row] == [0.1, 0.2]
    assert [row["trainer/global_step"] for row in found if "val/box/iou" in row] == [1, 2]
    assert sum("val/predictions/filenames" in row for row in found) == 2
    assert len(list((folder / "wandb").rglob("*.png"))) >= 1
    again = tracker(folder, "logger=wandb", "name=mine")
    assert again.version == number


@pytest.mark.slow
def test_mlflow_keeps_a_local_store(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    needed("mlflow")
    folder = tmp_path / "run"
    own = ["logger=mlflow", "name=mine"]
    with pytest.raises(ZeroDivisionError):
        run(folder, tracker(folder, *own), 1, ZeroDivisionError)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow/mlflow.db")
    number = json.loads((folder / FILE).read_text())["mlflow"]
    assert client.get_run(number).info.status == "FAILED"
    run(folder, tracker(folder, *own), 3)
    assert capfd.readouterr() == ("", "")
    (experiment,) = client.search_experiments(filter_string="name = 'mine'")
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_id, found.info.run_name) == (number, "run")
    assert found.info.status == "FINISHED"
    assert found.data.params == {"weighting": "equal", "seed": "3", "head/heads.fine": "box"}
    assert found.data.tags["command"] == "mtl train seed=3"
    history = client.get_metric_history(number, "val/box/iou")
    assert [(m.step, m.value) for m in history] == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    assert found.data.metrics["test/box/iou"] == 0.5
    assert found.data.metrics["best/box/iou"] == 0.75
    assert "config.yaml" in [file.path for file in client.list_artifacts(number)]
    assert len([f for f in client.list_artifacts(number, "images") if f.path.endswith("png")]) == 4


@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_packages_that_are_not_installed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtl.config.packages.find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        load([f"logger={package}"])
    said = f"logger.{package} needs the package {package}: pip install 'mtl[{package}]'"
    assert str(error.value) == said
    load([])


def test_online_needs_a_key(tmp_path: Path) -> None:
    needed("wandb")
    with pytest.raises(UserError, match=r"logger\.wandb\.offline=false needs a key: set WANDB_API"):
        tracker(tmp_path, "logger=wandb", "logger.wandb.offline=false")
    with pytest.raises(UserError, match=r"logger\.wandb\.offline=no: must be one of auto, true, f"):
        load(["logger=wandb", "logger.wandb.offline='no'"])


def test_all_trackers_at_once() -> None:
    assert list(load(["logger=all"]).logger) == ["tensorboard", "csv", "wandb", "mlflow"]


def test_a_command_is_told_of_the_job_alone_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra answers for a job, also while that trains its baselines."""
    runtime = {"output_dir": str(tmp_path / "job"), "choices": {"backbone": "small_cnn"}}
    node = OmegaConf.create({"runtime": runtime, "overrides": {"task": ["tasks=[box]", "lr=1"]}})
    hydra = SimpleNamespace(initialized=lambda: True, get=lambda: node)
    monkeypatch.setattr(tracking, "HydraConfig", hydra)
    cfg = load(["tasks=[box]"])
    job = tracking.Tracking(cfg, tmp_path / "job", {"varies": {"lr": [1, 2]}}).facts
    assert (job.command, job.varies) == ("mtl train 'tasks=[box]' lr=1", {"lr": [1, 2]})
    assert tracking.Tracking(cfg, tmp_path / "baseline", {}).facts.command is None
    # What is left of a sweep in the process that it ran in.
    node.runtime.output_dir = "???"
    assert tracking.Tracking(cfg, tmp_path / "job", {}).facts.command is None
