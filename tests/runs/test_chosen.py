"""What of a configuration isn't as by default, as it is to be typed."""

import shlex
from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl.config.load import load
from mtl.runs.chosen import changed


def plain(*overrides: str) -> dict[str, Any]:
    found: Any = OmegaConf.to_container(load(overrides, needs_data=False), resolve=True)
    return found


def test_of_the_defaults_there_is_nothing() -> None:
    assert changed(plain()) == []


@pytest.mark.parametrize(
    "line",
    [
        "seed=3 epochs=20 lr=0.0003 test=false",
        "backbone=resnet18 backbone.weights=imagenet encoder=mtan weighting=pcgrad",
        "augmentation=none views=rotations fusion=mean fusion.exchange=attention",
        "tasks=[classification,box] heads.box.weight=2 heads.classification.focal_gamma=2",
        "tasks=[fine] head@heads.fine=classification",
        "trainer=gpu trainer.precision=32-true callbacks.early_stopping.enabled=true",
        "logger=none",
        "data=voc_folder data.root=photos data.val_fraction=0.2",
        "data=mixed data@data.sets.cells=voc_folder data.sets.cells.root=a "
        "data@data.sets.pets=coco data.sets.pets.root=b tasks=[cells] "
        "head@heads.cells=detection",
    ],
)
def test_it_is_what_was_typed(line: str) -> None:
    typed = shlex.split(line)
    assert set(changed(plain(*typed))) == set(typed)


def test_what_is_told_otherwise_is_left_out() -> None:
    config = plain("epochs=3", "backbone=resnet18", "backbone.weights=imagenet")
    assert changed(config, ["epochs", "backbone"]) == ["backbone.weights=imagenet"]


def test_a_long_value_is_cut() -> None:
    (text,) = changed(plain("tasks=[box]", f"name={'x' * 90}"), ["tasks"])
    assert text == f"name={'x' * 47}…"


def test_a_recipe_is_told_by_what_it_sets() -> None:
    found = changed(plain("experiment=demo"))
    assert "scheduler=onecycle" in found
    assert "data.train=6000" in found
    assert "heads.detection.strides=[4,8,16]" in found
