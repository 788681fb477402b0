"""What was chosen for a run otherwise than by default, as it is to be typed."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mtl.config.compose import flat
from mtl.config.groups import choices, members, short_keys
from mtl.config.member_files import node_of
from mtl.config.mixture import SETS
from mtl.config.paths import conf_dir
from mtl.config.yaml_loader import read_yaml
from mtl.runs.compare.following import REFERENCE, value_at
from mtl.runs.compare.member_names import MemberNames
from mtl.runs.compare.names import shortened
from mtl.runs.compare.settings import text_of

Node = Mapping[str, Any]
UNTOLD = ("_target_", "kind", "target", "targets", "suggested")
"""Follows from the member and from what the data can be labelled with."""
LOGGER = "logger"


def changed(config: Node, told: Collection[str] = ()) -> list[str]:
    """``key=value`` for each setting that is not what the chosen members have by default.

    A member of the user's own is told by its class and with all its options.

    Args:
        config: of a run, plain.
        told: keys and groups that are told otherwise.
    """
    names = MemberNames()
    usual = read_yaml(conf_dir() / "config.yaml")
    found: list[tuple[str, object]] = [
        (key, config[key])
        for key in short_keys()
        if key not in told and not _same(config[key], usual[key], config)
    ]
    for group, choice in choices().items():
        node = config.get(group)
        if not isinstance(node, Mapping) or not choice.default:
            continue
        if group in names.groups:
            member, values = names.of(group, node), names.values(group, node)
        else:
            member = _logger(node) if group == LOGGER else choice.default
            values = node_of(group, member) if member in members(group) else {}
        if member != choice.default and group not in told:
            found.append((group, member))
        found += _options(group, node, values, config, names)
    for task, head in config["heads"].items():
        member = names.of("head", head)
        if member != task:
            found.append((f"head@heads.{task}", member))
        found += _options(f"heads.{task}", head, names.values("head", head), config, names)
    return [f"{key}={shortened(text_of(value))}" for key, value in found]


def _options(
    prefix: str, node: Node, usual: Node, config: Node, names: MemberNames
) -> Iterator[tuple[str, object]]:
    """Those of a node that aren't as its member's files have them."""
    sets = node.get(SETS, {}) if prefix == "data" else {}
    before = flat(dict(usual))
    for option, value in flat({k: v for k, v in node.items() if k != SETS or not sets}).items():
        untold = set(option.split(".")) & set(UNTOLD)
        if not untold and not _same(value, before.get(option), config):
            yield f"{prefix}.{option}", value
    for name, own in sets.items():
        yield f"data@data.{SETS}.{name}", names.of("data", own)
        values = names.values("data", own)
        yield from _options(f"data.{SETS}.{name}", own, values, config, names)


def _logger(node: Node) -> str:
    """The member that has just these loggers; of several the plainest."""
    fitting = [name for name in members(LOGGER) if node_of(LOGGER, name).keys() == node.keys()]
    return fitting[0] if fitting else "+".join(node)


def _same(value: object, usual: object, config: Node) -> bool:
    """Whether a value is the usual one, or what that refers to (``${backbone.mean}``)."""
    if reference := REFERENCE.fullmatch(str(usual)):
        usual = value_at(config, reference[1])
    return text_of(value) == text_of(usual)
