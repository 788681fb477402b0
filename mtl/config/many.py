"""The configurations of many jobs from few compositions.

Hydra reads and merges some sixty files for each composition, tenths of a second. Jobs that differ
in single values, and in members whose files are nothing but their node, are made of the plain
values of one composition instead; whatever isn't as simple is left to Hydra.
"""

import pickle
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, Node, OmegaConf

from mtl.config.allowed import Chosen
from mtl.config.complaints import refuse_wrong_choices
from mtl.config.compose import chosen_of, compose, with_new_members, with_values
from mtl.config.finalise import held_to_files, held_values
from mtl.config.groups import groups, members
from mtl.config.instantiate import copied
from mtl.config.member_files import chain, is_node_alone, node_of
from mtl.config.overrides import parse
from mtl.config.plain_values import NotPlainError, looked_up, put_value, referred_to
from mtl.config.schema import defaults_of
from mtl.config.yaml_loader import read_yaml


class MadeConfig(NamedTuple):
    """The configuration of a job.

    Args:
        values: as ``held_values`` returns them.
        chosen: what members they were made of.
    """

    values: dict[str, Any]
    chosen: Chosen

    @classmethod
    def of(cls, cfg: DictConfig) -> "MadeConfig":
        """Of what ``compose`` returns."""
        return cls(held_values(cfg), chosen_of(cfg.hydra))


class _Base(NamedTuple):
    """A composition that others are made of.

    Args:
        cfg: as ``compose`` returns it.
        values: its unresolved values, pickled, which copies nested mappings fastest.
        defaults: of its members, resolved.
        chosen: its members.
        referred: the nodes that its values refer to.
    """

    cfg: DictConfig
    values: bytes
    defaults: dict[str, Any]
    chosen: Chosen
    referred: frozenset[str]


class Composer:
    """Makes configurations as ``compose`` and ``held_values`` do.

    Args:
        config_dir: a user's folder of further members.
    """

    def __init__(self, config_dir: Path | None) -> None:
        self.config_dir = config_dir
        self._groups = frozenset(groups(config_dir))
        self._bases: dict[tuple[str, ...], _Base] = {}
        self._referred: frozenset[str] = frozenset()
        self._replaceable = cache(self._find_replaceable)
        self._node = cache(lambda group, member: node_of(group, member, config_dir))

    def make(self, overrides: Sequence[str]) -> MadeConfig:
        """The configuration with these overrides.

        Raises:
            UserError: an override is wrong.
        """
        refuse_wrong_choices(overrides, self.config_dir)
        own = with_new_members(
            overrides, self.config_dir, lambda choices: self._base(tuple(choices)).cfg
        )
        chosen = tuple(o for o in own if parse(o).key_or_group in self._groups)
        values = [o for o in own if o not in chosen]
        try:
            base, replaced = self._nearest(chosen)
            return self._made(base, replaced, values, own)
        except NotPlainError:
            cfg = with_values(self._base(chosen).cfg, values, self.config_dir)
            return MadeConfig.of(cfg)

    def _nearest(self, chosen: tuple[str, ...]) -> tuple[_Base, dict[str, str]]:
        """The base that these choices can be made of, and the member of each group that differs.

        A member that other nodes refer to is one of the base's.
        """
        replaced = self._replaceable(chosen)
        while True:
            differ = {o: pair for o, pair in replaced.items() if pair[0] not in self._referred}
            base = self._base(tuple(o for o in chosen if o not in differ))
            members = dict(differ.values())
            if base.referred.isdisjoint(members):
                return base, members
            self._referred |= base.referred

    def _made(
        self, base: _Base, members: Mapping[str, str], values: Sequence[str], own: Sequence[str]
    ) -> MadeConfig:
        """A base with other members in some groups, and other values.

        Raises:
            NotPlainError: it isn't as simple.
        """
        nodes = {group: self._node(group, member) for group, member in members.items()}
        defaults = base.defaults | looked_up(base.defaults | nodes, of=nodes)
        changed = pickle.loads(base.values) | copied(nodes)
        for value in values:
            put_value(changed, parse(value))
        chosen = Chosen(base.chosen.config_dir, {**base.chosen.names, **members})
        return MadeConfig(held_to_files(looked_up(changed), defaults, chosen, own), chosen)

    def _base(self, chosen: tuple[str, ...]) -> _Base:
        if chosen not in self._bases:
            cfg = compose(chosen, self.config_dir)
            values = {str(key): _unresolved(cfg, str(key)) for key in cfg if key != "hydra"}
            self._bases[chosen] = _Base(
                cfg,
                pickle.dumps(values),
                defaults_of(cfg.hydra, self.config_dir),
                chosen_of(cfg.hydra),
                referred_to(values),
            )
        return self._bases[chosen]

    def _find_replaceable(self, chosen: tuple[str, ...]) -> dict[str, tuple[str, str]]:
        """The choices whose node can take the place of another's, with group and member."""
        pairs = [(o, parse(o)) for o in chosen]
        groups = [str(override.key_or_group) for _, override in pairs]
        named = dict(zip(groups, [str(override.value()) for _, override in pairs], strict=True))
        if len(named) < len(groups):
            return {}
        recipe = members("experiment", self.config_dir).get(named.get("experiment", ""))
        # What a recipe says of a group holds for whatever member of it is chosen.
        said = {key for f in _files(recipe, self.config_dir) for key in read_yaml(f)}
        found = {}
        for text, override in pairs:
            group, member = str(override.key_or_group), str(override.value())
            file = members(group, self.config_dir).get(member)
            plain = override.package is None and group != "experiment" and group not in said
            if plain and file is not None and is_node_alone(file, self.config_dir):
                found[text] = (group, member)
        return found


def _files(file: Path | None, config_dir: Path | None) -> list[Path]:
    return [] if file is None else chain(file, config_dir)


def _unresolved(cfg: DictConfig, key: str) -> Any:
    refers = OmegaConf.is_missing(cfg, key) or OmegaConf.is_interpolation(cfg, key)
    node = cfg._get_node(key) if refers else cfg[key]
    if OmegaConf.is_config(node) and not refers:
        return OmegaConf.to_container(node)
    return node._value() if isinstance(node, Node) else node
