"""Members of a folder of a user's own go through the contracts as those of the package do."""

import pytest
from contracts_kit import OWN, every

from mtl.config.groups import members

GROUPS = ("preprocess", "augmentation", "views", "backbone", "encoder", "fusion", "head")


@pytest.mark.parametrize("group", [*GROUPS, "ensemble", "weighting"])
def test_there_is_one_of_each_group(group: str) -> None:
    own = set(every(group)) - set(members(group))
    assert own == {file.stem for file in (OWN / group).glob("*.yaml")} != set()
    assert set(members(group)) < set(every(group))
