"""calibration.json, which may be a stranger's."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtl.errors import BadFile
from mtl.model.calibration.base import FittedTask
from mtl.model.calibration.temperature import FittedTemperature
from mtl.model.calibration.thresholds import ChosenThreshold
from mtl.model.calibration.values import TaskCalibration
from mtl.runs.calibration.file import FILE, read_calibration
from mtl.runs.calibration.writing import write_calibration

BINS = {"confidence": [0.5, 0.9], "accuracy": [0.6, 0.7], "count": [3, 7], "ece": 0.17}


def fitted() -> dict[str, FittedTask]:
    temperature = FittedTemperature(1.7182818, (0.5, 0.4), (BINS, BINS), 10)
    thresholds = [
        ChosenThreshold("cat", 0.123456789, 3, 1.0, 0.5, 2 / 3, 0.6),
        ChosenThreshold("dog", 0.5, 0, None, None, None, None, "none in this split"),
    ]
    return {"labels": FittedTask(temperature, thresholds), "class": FittedTask(temperature)}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) is None
    written = write_calibration(fitted(), tmp_path, "digest", split="val")
    names = [path.relative_to(tmp_path).as_posix() for path in written]
    assert names == [
        "calibration.json",
        "figures/calibration_labels.png",
        "figures/calibration_class.png",
    ]
    assert all(path.is_file() for path in written)
    found = read_calibration(tmp_path)
    assert found is not None
    assert found.network == "digest"
    assert found.tasks == {
        "labels": TaskCalibration(1.7182818, {"cat": 0.123456789}),
        "class": TaskCalibration(1.7182818, {}),
    }
    assert json.loads(json.dumps(found.plain)) == found.plain
    assert found.in_words == "temperature of labels, class; thresholds of labels"
    content = json.loads(written[0].read_text())
    assert content["split"] == "val"
    assert content["tasks"]["labels"]["classes"][1]["note"] == "none in this split"


def write(folder: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / FILE).write_text(text)


def with_task(**own: Any) -> dict[str, Any]:
    task = {"temperature": 1.5, "thresholds": {"cat": 0.5}} | own
    return {"mtl_calibration": 1, "network": "digest", "tasks": {"a": task}}


HOSTILE = {
    "no JSON": ("{", "can't be read as JSON"),
    "a list": ([1], "holds no JSON object"),
    "deep": ("[" * 100_000, "can't be read as JSON"),
    "nobody's": ({"tasks": {}}, "is not what mtl calibrate writes"),
    "a flag": (with_task() | {"mtl_calibration": True}, "is not what mtl calibrate writes"),
    "later": (
        with_task() | {"mtl_calibration": 2},
        "version 2, and this mtl reads version 1",
    ),
    "no network": (with_task() | {"network": None}, "is not what mtl calibrate writes"),
    "no tasks": (with_task() | {"tasks": [1]}, "is not what mtl calibrate writes"),
    "no task": (with_task() | {"tasks": {"a": 1}}, "a: the temperature is no number"),
    "NaN": (with_task(temperature=float("nan")), "a: the temperature is no number from 0.05 to 20"),
    "negative": (with_task(temperature=-1.0), "the temperature is no number"),
    "zero": (with_task(temperature=0), "the temperature is no number"),
    "infinite": (with_task(temperature=float("inf")), "the temperature is no number"),
    "large": (with_task(temperature=10**400), "the temperature is no number"),
    "text": (with_task(temperature="1.5"), "the temperature is no number"),
    "true": (with_task(temperature=True), "the temperature is no number"),
    "a threshold": (with_task(thresholds=0.5), "a: has no thresholds by class"),
    "NaN for cat": (
        with_task(thresholds={"cat": float("nan")}),
        "of 'cat' is no number from 0 to 1",
    ),
    "2 for cat": (with_task(thresholds={"cat": 2}), "of 'cat' is no number from 0 to 1"),
    "long": (with_task(thresholds={"c" * 10**6: 2}), f"of '{'c' * 40}' is no number"),
    "huge": (" " * 20_000_001, "is no file of less than 20,000,000 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_is_refused_in_one_message(tmp_path: Path, name: str) -> None:
    content, said = HOSTILE[name]
    write(tmp_path, content)
    with pytest.raises(BadFile, match=FILE) as caught:
        read_calibration(tmp_path)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 400 + len(str(tmp_path))


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(BadFile, match="is no file"):
        read_calibration(tmp_path)
