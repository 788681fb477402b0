"""Every number, choice and list among the options says what it may be."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from mtl.config.allowed import TARGET, UNKNOWN, Chosen, said_in
from mtl.config.groups import groups, members
from mtl.config.member_files import node_of
from mtl.config.ranges import Owner, check_ranges, owner_of, rule_for
from mtl.errors import UserError

ELSEWHERE = re.compile(
    r"data\.(targets|suggested)\..*|data\.(root\w*|cache_dir)|backbone\.weights|logger\.\w+\.store"
    r"|heads\.\w+\.(kind|metrics)"
)
"""What the framework reads and checks by other means: names, and paths."""
MEMBERS = [(group, member) for group in groups() for member in members(group)]


class Option(NamedTuple):
    key: str
    default: Any
    owner: Owner
    target: str


def options(
    node: Mapping[str, Any],
    prefix: str,
    chosen: Chosen,
    owner: Owner | None = None,
    target: str = "",
) -> Iterator[Option]:
    """The options of all classes that a member's node names."""
    owner, target = owner_of(node, prefix, owner, chosen), node.get(TARGET, target)
    for key, value in node.items():
        if isinstance(value, dict):
            yield from options(value, f"{prefix}{key}.", chosen, owner, target)
        elif owner is not None and key != TARGET:
            yield Option(f"{prefix}{key}", value, owner, target)


def refers(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("${", "???"))


def has_to_say(option: Option) -> bool:
    """Of a switch its type says all, of null nothing can be known.

    An empty list says nothing of its items, and what a run saved in it might be taken for all that
    they may be.
    """
    if option.default == []:
        return not ELSEWHERE.fullmatch(option.key)
    values = option.default if isinstance(option.default, list) else [option.default]
    kinds = [v for v in values if isinstance(v, int | float | str) and not isinstance(v, bool)]
    return any(not refers(value) for value in kinds) and not ELSEWHERE.fullmatch(option.key)


def alone(option: Option, value: object) -> dict[str, Any]:
    """A configuration of nothing but one option and its class."""
    node: dict[str, Any] = {TARGET: option.target}
    *inside, last = option.key.removeprefix(option.owner.prefix).split(".")
    deepest = node
    for key in inside:
        deepest = deepest.setdefault(key, {})
    deepest[last] = value
    for key in reversed(option.owner.prefix.split(".")[:-1]):
        node = {key: node}
    return node


@pytest.mark.parametrize(("group", "member"), MEMBERS)
def test_absurd_values_are_refused(group: str, member: str) -> None:
    name = f"heads.{member}" if group == "head" else group
    # A run's own configuration tells classes alone, and nothing of the sweep that it was a job of.
    chosen = Chosen(names={name: member}) if group == "sweep" else UNKNOWN
    for option in options(node_of(group, member), f"{name}.", Chosen(names={name: member})):
        rule = rule_for(option.key, option.owner)
        if has_to_say(option):
            told = f"conf/{group}/{member}.yaml says nothing of {option.key} under _allowed_"
            assert rule is not None, told
        if rule is None:
            continue
        assert refers(option.default) or rule(option.default) is None, option
        if isinstance(option.default, int | float) and not isinstance(option.default, bool):
            for value in ("nonsense", -1e9):
                said = re.escape(f"{option.key}={value}: must be ")
                with pytest.raises(UserError, match=f"^{said}"):
                    check_ranges(alone(option, value), chosen)


def test_members_of_one_class_say_the_same() -> None:
    """So that a run's own configuration, which tells the class alone, is held to the same."""
    for group in groups():
        told: dict[tuple[str, str], str] = {}
        for member in members(group):
            for said in said_in(group, member).values():
                for option, words in said.allowed.items():
                    assert told.setdefault((said.values[TARGET], option), words) == words
