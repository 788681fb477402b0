"""Configurations of older versions."""

import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl.config import load, open_run
from mtl.config.groups import groups, members, short_keys
from mtl.config.instantiate import container
from mtl.config.saved import read_config
from mtl.config.trust import leaves, ours
from mtl.config.upgrade import SINCE, TOP, upgraded
from mtl.config.yaml_loader import read_yaml
from mtl.errors import UserError

BEFORE = {
    r"^mtl\.data\.(augmentation|preprocess)\.": r"mtl.\1.",
    r"^mtl\.data\.sources\.(cifar|image_folder|shapes|voc\w*)\.": r"mtl.data.\1.",
    r"^mtl\.(model|learning)\.": "mtl.",
    r"(Mean)(Fusion|Ensemble)$": r"\1",
}
"""From today's names back to the first ones."""


def first_name(name: str) -> str:
    for now, before in BEFORE.items():
        name = re.sub(now, before, name)
    return name


def first_layout(values: Any) -> Any:
    """A configuration as the first version wrote it."""
    if isinstance(values, list):
        return [first_layout(item) for item in values]
    if not isinstance(values, dict):
        return values
    late = ("matmul_precision", "rotation", "rotation_pool", "stage_factors", "stage_decay", "tta")
    late += ("exchange", "checkpointing", "larger_is_better", "smaller_is_better", "delta_unit")
    late += ("baselines", *SINCE)
    node = {key: first_layout(value) for key, value in values.items() if key not in late}
    if "_target_" in node:
        node["_target_"] = first_name(node["_target_"])
    return node


@pytest.fixture
def values() -> dict[str, Any]:
    own = ["heads.box.delta_unit=pixel", "heads.box.delta=5", "heads.box.weight=2"]
    return container(load(["tasks=[classification,box]", *own]))


def write(folder: Path, values: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(values)))
    return folder


def test_every_class_that_has_moved_is_found() -> None:
    moved = set()
    for group in (group for group in groups() if group not in SINCE):
        for file in members(group).values():
            for key, name in leaves(read_yaml(file)):
                if key.rpartition(".")[2] == "_target_" and str(name).startswith("mtl."):
                    old = first_name(str(name))
                    new = upgraded({"node": {"_target_": old}})[0]["node"]["_target_"]
                    assert new == name
                    assert ours(new)
                    moved.add(old)
    assert len(moved) > 60


def test_the_first_layout_becomes_todays(values: dict[str, Any]) -> None:
    old = first_layout(values)
    new, changes = upgraded(old)
    # The slope was delta per pixel, and is 10 per side of 64 pixels now.
    assert new["heads"]["box"].pop("weight") == 2 * 5 * 64 / 10
    assert "heads.box.weight=2 is now 64, as its loss was in pixels" in changes
    assert values["heads"]["box"].pop("weight") == 2
    assert new == values
    assert "backbone._target_=mtl.backbone.small_cnn.SmallCNN is now " in "\n".join(changes)
    assert "heads.box.delta_unit=pixel is what held before there was a choice" in changes
    assert upgraded(new) == (new, [])


@pytest.mark.slow
def test_a_run_of_an_older_version_says_what_to_do(
    mtl: Any, values: dict[str, Any], tmp_path: Path
) -> None:
    run = write(tmp_path / "run", first_layout(values))
    text = (run / "config.yaml").read_text()
    for command in (("eval",), ("predict", f"input={run}"), ("affinity",), ("rerun",)):
        result = mtl(*command, f"run={run}")
        assert (result.code, result.err.count("\n")) == (2, 1)
        if command[0] != "predict":
            assert "was written by an older version (data._target_=mtl.data.shapes" in result.err
            assert result.err.endswith(f"write: mtl upgrade run={run}\n")
    result = mtl("upgrade", f"run={run}")
    assert (result.code, result.err) == (0, "")
    assert f"{run}: " in result.out
    assert "the old configuration is config.old.yaml" in result.out
    assert (run / "config.old.yaml").read_text() == text
    assert open_run(run).heads.box.weight == 64
    assert mtl("upgrade", f"run={run}").out == f"{run}: is of this version\n"
    write(run, first_layout(values))
    mtl("upgrade", f"run={run}")
    assert (run / "config.old2.yaml").read_text() == text


def test_a_group_that_came_later_is_filled_in_without_a_word(values: dict[str, Any]) -> None:
    before = {key: value for key, value in values.items() if key not in SINCE}
    assert upgraded(before) == (values, [])


def test_every_key_at_the_top_that_came_later_has_what_held_before() -> None:
    first = {"name", "seed", "tasks", "epochs", "batch_size", "image_size", "lr", "monitor", "test"}
    assert short_keys().keys() - first == TOP.keys()


@pytest.mark.slow
def test_several_runs(mtl: Any, values: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "runs" / "old", first_layout(values))
    write(tmp_path / "runs" / "new", values)
    write(tmp_path / "runs" / "none", {"a": 1})
    result = mtl("upgrade", f"runs=[{tmp_path}/runs/*]")
    assert (result.code, result.err) == (0, "")
    assert f"{tmp_path}/runs/new: is of this version" in result.out
    assert f"passed over: {tmp_path}/runs/none/config.yaml: is not the configuration" in result.out
    read_config(tmp_path / "runs" / "old")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "write run=outputs/runs/NAME/TIME, or runs=[A,B] for several"),
        (("run=a", "runs=[b,c]"), "write run=outputs"),
        (("run=a", "lr=3"), "lr=3: upgrade takes run=DIR or runs=[...] alone"),
        (("run=nowhere",), "run=nowhere: no such folder"),
        (("runs=[nowhere/*]",), "no run's folder matches"),
    ],
)
def test_mistakes(mtl: Any, arguments: tuple[str, ...], said: str) -> None:
    result = mtl("upgrade", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err


@pytest.mark.parametrize("node", [{"_target_": 3}, {"_target_": ["mtl.head.box.Box"]}, 3, None])
def test_what_is_no_configuration_stays_as_it_is(node: Any) -> None:
    values = {"heads": {"a": node}, "data": node, "tasks": [node]}
    assert upgraded(values) == (values, [])


def test_names_of_others_are_left_alone(tmp_path: Path, values: dict[str, Any]) -> None:
    values["backbone"]["_target_"] = "mine.backbone.Thing"
    assert upgraded(values)[1] == []
    with pytest.raises(UserError, match="is not of this package"):
        open_run(write(tmp_path / "run", values))
