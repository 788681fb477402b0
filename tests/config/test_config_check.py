"""Checks of a configuration, without composing one each time."""

from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from mtl.config import load
from mtl.config.check import check
from mtl.config.complaints import refuse_wrong_choices
from mtl.config.finalise import chosen_heads
from mtl.config.kinds import KINDS
from mtl.config.labelling import label_tasks, target_of
from mtl.config.overrides import parse
from mtl.config.schema import check_keys, fitted
from mtl.errors import UserError


@pytest.fixture(scope="module")
def base() -> DictConfig:
    return load(["tasks=[detection,classification]", "backbone=resnet18"])


def changed(base: DictConfig, changes: dict[str, Any]) -> DictConfig:
    cfg = base.copy()
    for key, value in changes.items():
        OmegaConf.update(cfg, key, value)
    return cfg


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": 32},
        {"image_size": 8, "backbone.stem": "cifar"},
        {"lr": 1},
        {"monitor": "val/loss"},
        {"monitor": "val/detection/map50"},
        {"monitor": "val/detection/map_person", "heads.detection.per_class": True},
        {"augmentation.rotate": 180},
        {"augmentation.angles": [0, 90.5]},
        {"data.limit": 1},
        {"data.limit": None},
        {"data.workers": 0},
        {"trainer.gradient_clip_val": None},
        {"trainer.devices": 2},
        {"heads.classification.target": None},
        {"heads.classification.class_weights": [1, 2.5]},
        {"backbone.weights": "imagenet"},
    ],
)
def test_fine(base, changes):
    check(changed(base, changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_size": 31}, "image_size=31: must be at least 32, the backbone's largest stride"),
        ({"image_size": None}, "image_size=null: must be a whole number at least 8"),
        ({"image_size": 7}, "image_size=7: must be at least 8"),
        ({"lr": 0}, "lr=0: must be greater than 0"),
        ({"lr": float("nan")}, "lr=nan: must be finite"),
        ({"lr": float("inf")}, "lr=inf: must be finite"),
        ({"lr": True}, "lr=true: must be a number greater than 0"),
        ({"epochs": 1.5}, "epochs=1.5: must be a whole number at least 1"),
        ({"seed": -1}, "seed=-1: must be at least 0 and at most 4294967295"),
        ({"data.limit": 0}, "data.limit=0: must be null or a whole number at least 1"),
        ({"data.workers": -2}, "data.workers=-2: must be auto or a whole number at least 0"),
        ({"data.on_error": "ignore"}, "data.on_error=ignore: must be one of raise, skip"),
        ({"augmentation.hflip": 1.5}, "augmentation.hflip=1.5: must be at least 0 and at most 1"),
        ({"augmentation.rotate": 180.5}, "at most 180"),
        ({"augmentation.angles": [0, "x"]}, "each item must be a number"),
        ({"augmentation.angles": 90}, "must be a list"),
        ({"optimizer.betas": [0.9]}, "optimizer.betas=[0.9]: must be a list of 2"),
        ({"trainer.deterministic": 1}, "must be one of true, false, warn"),
        ({"heads.detection.weight": -0.5}, "heads.detection.weight=-0.5: must be at least 0"),
        ({"heads.detection.strides": []}, "must be a list of at least 1"),
        ({"heads.detection.target": "bxs"}, "the data can label label (label), labels"),
        ({"heads.detection.target": "mask"}, "is mask, but the head needs boxes"),
        ({"monitor": "val/box/iou"}, "There are: val/score, val/loss, val/detection/loss"),
        ({"monitor": "val/detection/map_person"}, "is not logged"),
        ({"callbacks.early_stopping.monitor": "val/x"}, "callbacks.early_stopping.monitor=val/x"),
        ({"backbone.weights": None}, "must be none, imagenet or a file that exists"),
    ],
)
def test_refused(base, changes, said):
    with pytest.raises(UserError) as error:
        check(changed(base, changes))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "choose at least one of box, mask"),
        (["box", "box"], "box is there twice"),
        ("box", "tasks=box: must be a list: tasks=[box]"),
        (["bix"], "no head 'bix'; did you mean 'box'? There are: box, mask"),
    ],
)
def test_tasks(tasks, said):
    with pytest.raises(UserError) as error:
        chosen_heads(tasks, {"box": {}, "mask": {}})
    assert said in str(error.value)


def test_heads_are_in_the_order_of_the_tasks():
    assert list(chosen_heads(["b", "a"], {"a": {}, "b": {}, "c": {}})) == ["b", "a"]


def test_target_is_asked_for_then_named_alike_then_the_only_one():
    targets = {"fine": "label", "coarse": "label", "boxes": "boxes"}
    assert target_of("fine", {"kind": "label", "target": "coarse"}, targets) == "coarse"
    assert target_of("fine", {"kind": "label", "target": None}, targets) == "fine"
    assert target_of("things", {"kind": "boxes", "target": None}, targets) == "boxes"
    # Named alike but of another kind: not meant.
    assert target_of("fine", {"kind": "boxes", "target": None}, targets) == "boxes"
    with pytest.raises(UserError, match=r"could learn from fine, coarse"):
        target_of("class", {"kind": "label"}, targets)
    with pytest.raises(UserError, match="needs mask, but the data can only label"):
        target_of("masks", {"kind": "mask"}, targets)


def test_unknown_kinds_are_refused_with_the_kinds():
    kinds = ", ".join(sorted(KINDS))
    listed = rf"There are: {kinds}; one of your own is named mine\.flow\.Flow"
    with pytest.raises(UserError, match=rf"^data\.targets\.seg: .*'maks'.*'mask'\? {listed}"):
        label_tasks({}, {"targets": {"seg": "maks"}})
    for wrong in ("smooth", "a.b c", "1.2", 3, ["mask"]):
        with pytest.raises(UserError, match=rf"^heads\.d\.kind: .*{listed}"):
            label_tasks({"d": {"kind": wrong}}, {"targets": {"mask": "mask"}})
    heads = {"d": {"kind": "mine.depth.Depth"}}
    label_tasks(heads, {"targets": {"metres": "mine.depth.Depth", "mask": "mask"}})
    assert heads["d"]["target"] == "metres"


@pytest.mark.parametrize(
    ("value", "default", "fits"),
    [
        (1, 0.5, 1),
        (2024, "shapes", "2024"),
        ([1, 2], ["a"], ["1", "2"]),
        (None, None, None),
        ("x", None, "x"),
        (3, "auto", 3),
        ({"b": 2}, {"b": 1}, {"b": 2}),
    ],
)
def test_types_that_fit(value, default, fits):
    assert fitted("key", value, default) == fits


@pytest.mark.parametrize(
    ("value", "default", "said"),
    [
        ("x", 1, "key=x: must be a whole number"),
        (1.5, 1, "must be a whole number"),
        (True, 1.0, "key=true: must be a number"),
        (1, False, "must be true or false"),
        (None, 1.0, "key=null: must be a number"),
        (True, "text", "must be text"),
        ("a", ["b"], "must be a list, such as [b]"),
        (["a"], [1.0], "key[0]=a: must be a number"),
        (3, {"a": 1}, "must be a mapping"),
        ({"a": "x"}, {"a": 1}, "key.a=x: must be a whole number"),
    ],
)
def test_types_that_do_not_fit(value, default, said):
    with pytest.raises(UserError) as error:
        fitted("key", value, default)
    assert said in str(error.value)


def test_keys_are_those_of_the_defaults():
    defaults = {"a": {"b": 1, "free": {}}, "empty": {}}
    check_keys({"a": {"b": 2, "free": {"x": {"y": 1}}}, "empty": {}}, defaults)
    for values, said in (
        ({"a": {"c": 1}, "empty": {}}, r"unknown key 'a\.c'; a has b"),
        ({"a": {}, "empty": {"x": 1}}, r"unknown key 'empty\.x'"),
        ({"a": {}}, "empty can't be left out"),
    ):
        with pytest.raises(UserError, match=said):
            check_keys(values, defaults)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data=_common", "no data '_common'"),
        ("backbone=[resnet18,vgg16]", "choose one; see mtl ls backbone"),
        ("++backbone=vgg16", "write it without +"),
        ("head=box", "heads are chosen by tasks="),
        ("heads=null", "write heads.NAME.KEY=VALUE"),
        ("~heads", "write heads.NAME.KEY=VALUE"),
        ("lr=range(1,3)", "add -m"),
    ],
)
def test_choices_that_hydra_would_answer_with_a_riddle(override, said):
    with pytest.raises(UserError) as error:
        refuse_wrong_choices([override])
    assert said in str(error.value)


@pytest.mark.parametrize("override", ["=3", "epochs", "+", "lr=[1", "a={b: ", ""])
def test_overrides_that_cannot_be_read(override):
    with pytest.raises(UserError) as error:
        parse(override)
    assert "\n" not in str(error.value)
