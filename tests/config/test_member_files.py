"""Members read without Hydra."""

from pathlib import Path

from mtl.config.groups import choices, members
from mtl.config.member_files import node_of


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
