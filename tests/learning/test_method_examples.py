"""The example in each method's docstring is what it does."""

import doctest
from importlib import import_module

import pytest

from mtl.config.groups import members
from mtl.config.member_files import node_of


@pytest.mark.parametrize("name", sorted(members("weighting")))
def test_example(name: str) -> None:
    target = str(node_of("weighting", name)["_target_"])
    module = import_module(target.rpartition(".")[0])
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
