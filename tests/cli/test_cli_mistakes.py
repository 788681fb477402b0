"""Wrong command lines: exit code 2 and one line that says what is allowed."""

import os
import subprocess
import sys

import pytest

MISTAKES = {
    "unknown key": (["epohcs=3"], ["unknown key 'epohcs'", "epochs=10"]),
    "unknown key brought by +": (["+epohcs=3"], ["unknown key 'epohcs'", "epochs=10"]),
    "typo deep inside": (
        ["heads.detection.wieght=2"],
        ["unknown key 'heads.detection.wieght'", "heads.detection.weight=1.0"],
    ),
    "key below a value": (["epochs.x=3"], ["unknown key 'epochs.x'"]),
    "key of another level": (["rotate=30"], ["augmentation.rotate=0.0"]),
    "+ for a key that exists": (["+epochs=3"], ["write it without +"]),
    "unknown group": (["bakbone=resnet18"], ["bakbone", "backbone=small_cnn"]),
    "wrong member": (["backbone=resnet19"], ["resnet19", "'resnet18'", "vgg16"]),
    "wrong experiment": (["experiment=dmo"], ["did you mean 'demo'?"]),
    "null for a group": (["fusion=null"], ["choose fusion=none"]),
    "left-out group": (["~trainer"], ["trainer can't be left out"]),
    "wrong kind of new head": (["head@heads.fine=clasification"], ["'classification'"]),
    "negative lr": (["lr=-1"], ["lr=-1: must be greater than 0"]),
    "no epochs": (["epochs=0"], ["epochs=0: must be at least 1"]),
    "wrong type": (["epochs=abc"], ["epochs=abc: must be a whole number at least 1"]),
    "mapping for int": (["epochs={a:1}"], ["epochs={'a': 1}: must be a whole number"]),
    "number for truth": (["test=3"], ["test=3: must be true or false"]),
    "smoothing": (
        ["heads.classification.label_smoothing=2"],
        ["heads.classification.label_smoothing=2: must be at least 0 and less than 1"],
    ),
    "task not in the catalogue": (["tasks=[detction]"], ["did you mean 'detection'?", "box"]),
    "task that the data can't label": (
        ["data=cifar10", "tasks=[detection]"],
        ["task detection needs boxes", "label (label)"],
    ),
    "metric": (["heads.detection.metrics=[mpa]"], ["no metric 'mpa'", "map50"]),
    "monitor": (["monitor=val/detection/mpa"], ["is not logged", "val/detection/map"]),
    "image too small": (["image_size=24", "backbone=resnet18"], ["image_size=24", "32"]),
    "missing data": (["data=voc_folder", "data.root=nowhere"], ["data.root=nowhere", "no such"]),
    "missing weights": (["backbone.weights=gone.pt"], ["none, imagenet or a file"]),
    "sweep without -m": (["lr=1,2"], ["add -m"]),
    "unreadable": (["lr=[1"], ["'lr=[1' can't be read"]),
    "no value": (["epochs"], ["'epochs': write key=value"]),
    "option": (["--cgf", "job"], ["no option --cgf", "--cfg"]),
    "option without value": (["--config-dir"], ["expected one argument"]),
    "folder of configurations": (["--config-dir", "nowhere"], ["nowhere: no such folder"]),
    "sweep with a wrong member": (["-m", "backbone=small_cnn,resnt"], ["no backbone 'resnt'"]),
    "sweep with an unknown key": (["-m", "+foo=1,2"], ["unknown key 'foo'"]),
    "sweep where all is wrong": (["-m", "lr=-1,-2"], ["lr=-1: must be greater than 0"]),
    "sweep with equal jobs": (["-m", "seed=1,1"], ["the same: seed-1"]),
    "sweep that the sweeper can't do": (["-m", "lr=interval(0,1)"], ["does not support"]),
    "ddp in a sweep": (["-m", "trainer=ddp", "seed=1,2"], ["starts the whole command again"]),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_answered_in_one_line(mtl, stub_train, arguments, said):
    result = mtl("train", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("mtl: ")
    assert result.err.count("\n") == 1
    for text in said:
        assert text in result.err
    assert stub_train.calls == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "no command 'trian'; did you mean 'train'?"),
        (["xyz"], "There are: train, eval, predict"),
        (["ls", "backbne"], "no group 'backbne'; did you mean 'backbone'?"),
        (["ls", "--config-dri", "x"], "no option --config-dri; did you mean --config-dir?"),
        (["doctor", "epohcs=3"], "unknown key 'epohcs'"),
        (["-sc", "install=csh"], "install=bash"),
    ],
)
def test_mistake_in_other_commands(mtl, arguments, said):
    result = mtl(*arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1


CHECK = """
import sys
from mtl.cli.main import main
code = main(sys.argv[1:])
heavy = {"torch", "pytorch_lightning", "albumentations", "cv2", "numpy"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["train", "epohcs=3"], 2),
        (["train", "--help"], 0),
        (["train", "--cfg", "job"], 0),
        (["ls", "backbone"], 0),
        (["-sc", "install=bash"], 0),
    ],
)
def test_nothing_heavy_is_imported(tmp_path, arguments, code):
    # A stale setting of Hydra's must not bring tracebacks back.
    env = {**os.environ, "HYDRA_FULL_ERROR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *arguments],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
