"""Members read without Hydra."""

from pathlib import Path

import pytest

from mtl.config import load
from mtl.config.groups import choices, members
from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.errors import UserError
from mtl.model.encoder.base import Encoder


def test_a_member_is_laid_over_what_it_builds_on(tmp_path: Path) -> None:
    """Also where a mapping takes the place of a reference, which isn't done key by key."""
    folder = tmp_path / "weighting"
    folder.mkdir()
    common = "_allowed_: {rate: 0<..}\nrate: 1\nof: {a: 1, b: '???'}\nkinds: [1, 2]\nsame: ${lr}\n"
    (folder / "_common.yaml").write_text(common)
    own = "defaults: [_common, _self_]\nrate: ???\nof: {b: 3, c: '${lr}'}\n_target_: mine.Own\n"
    (folder / "plain.yaml").write_text(own)
    (folder / "other.yaml").write_text(own + "same: {x: 1}\n")
    node = {"rate": 1, "of": {"a": 1, "b": 3, "c": "${lr}"}, "kinds": [1, 2]}
    node |= {"same": "${lr}", "_target_": "mine.Own"}
    assert node_of("weighting", "plain", tmp_path) == node
    assert node_of("weighting", "other", tmp_path) == node | {"same": {"x": 1}}


def test_what_files_say_of_options_is_no_part_of_a_node() -> None:
    for group in choices():
        for member in members(group):
            assert "_allowed_" not in str(node_of(group, member))


CHOSEN_OTHERWISE = ("head", "sweep", "study")
"""By ``tasks``, or for ``-m``."""


@pytest.mark.parametrize("group", [group for group in choices() if group not in CHOSEN_OTHERWISE])
@pytest.mark.parametrize(("text", "kind"), [("- a\n", "a list"), ("words\n", "a single value")])
def test_a_file_without_keys_is_no_member(tmp_path: Path, group: str, text: str, kind: str) -> None:
    file = tmp_path / group / "bad.yaml"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(UserError, match=f"bad.yaml holds {kind}; a member is lines of KEY: VALUE"):
        load([f"{group}=bad"], tmp_path)


def test_a_head_whose_file_has_no_keys_is_told(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "bad.yaml").write_text("- a\n")
    with pytest.raises(UserError, match=r"heads\.bad: its file holds no lines of KEY: VALUE"):
        load(["tasks=[bad]"], tmp_path)


def test_a_file_without_keys_hides_no_other_mistake(tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "bad.yaml").write_text("- a\n")
    with pytest.raises(UserError, match="encoder=shared has no options; encoder=mtan has reduc"):
        load(["encoder.reduction=3"], tmp_path)


def test_a_node_without_a_class_is_told() -> None:
    with pytest.raises(UserError, match="_target_ is missing beside x, y; a member's yaml names"):
        make({"x": 1, "y": 2}, Encoder)
    with pytest.raises(UserError, match="_target_ is missing where nothing else is"):
        make({}, Encoder)
