"""Configurations that differ in members and single values are composed once per process.

Hydra reads and merges some sixty files for each, which would be half of the time of the tests.
Configurations are made as those of a sweep's jobs are; where a ``DictConfig`` is asked for, and the
files of a member are nothing but its node, that is put in place of the other's. Where Hydra has to
compose, each file is parsed once, and folders of users that hold the same are one.
``test_quick_composition`` holds it against Hydra's own.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hydra._internal.hydra import Hydra
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from quick_copies import copying_quickly, kept
from quick_hydra import held, merging_once
from quick_merge import put_node

from mtl.config import check, compose, finalise, schema
from mtl.config.complaints import HYDRA_ERRORS
from mtl.config.compose import group_choices, with_values
from mtl.config.groups import choices, members
from mtl.config.many import Composer, MadeConfig
from mtl.config.member_files import chain, node_of, text_of
from mtl.config.overrides import parse
from mtl.errors import UserError

Compose = Callable[[Sequence[str], Path | None], DictConfig]
Make = Callable[[Sequence[str], Path | None], MadeConfig]
Defaults = Callable[[tuple[str, ...], Path | None], dict[str, Any]]


@contextmanager
def composing_quickly() -> Iterator[None]:
    """All of this module, in this process."""
    once = composing_once(compose.compose_or_raise)
    fixed = made_of_parts(finalise.fixed)
    load = sys.modules["mtl.config.load"]  # whose name in mtl.config is the function's
    with (
        copying_quickly(),
        merging_once(),
        patch.object(compose, "compose_or_raise", once),
        patch.object(load, "made", made_of_others(load.made)),
        patch.object(finalise, "fixed", fixed),
        patch.object(check, "fixed", fixed),
        patch.object(schema, "composed_defaults", of_one_folder(schema.composed_defaults)),
        # Before a run Hydra composes once more to look up hydra.mode, which nothing here sets.
        patch.object(Hydra, "get_mode", return_value=None),
    ):
        yield


def composing_once(hydras: Compose) -> Compose:
    """A function that answers as Hydra's own does, from fewer compositions."""
    read: dict[tuple[object, ...], tuple[Path | None, DictConfig]] = {}
    made: dict[bytes, bytes] = {}

    def quick(overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
        chosen = [o for o in group_choices(overrides, config_dir) if o != "experiment=none"]
        same = {f"head@heads.{name}={name}" for name in members("head", config_dir)}
        same |= {"experiment=none"}
        values = [o for o in overrides if o not in chosen and o not in same]
        hydra = [o for o in values if o.startswith("hydra.")]
        if any(o.startswith(("hydra", "+", "~")) for o in values if o not in hydra):
            return hydras(overrides, config_dir)
        nodes = replaceable(chosen, config_dir)
        if nodes:
            nodes += [c for c in chosen if c in usual() and c not in nodes]
        rest = [choice for choice in chosen if choice not in nodes]
        there = held(config_dir)
        key = (*rest, there)
        if key not in read:
            read[key] = config_dir, kept(hydras(rest, config_dir))
        whole = (*chosen, there)
        if whole not in read:
            composed = read[key][1].copy()
            for choice in nodes:
                put(composed, choice, config_dir, made)
            task = [*composed.hydra.overrides.task, *nodes]
            OmegaConf.update(composed, "hydra.overrides.task", task, force_add=True)
            read[whole] = read[key][0], kept(composed)
        folder, composed = read[whole]
        try:
            found = with_values(composed, values, config_dir)
        except UserError:
            return hydras(overrides, config_dir)
        if hydra:
            with read_write(found.hydra):
                apart = found.hydra.overrides
                apart.task = [o for o in apart.task if o not in hydra]
                apart.hydra = [*apart.hydra, *hydra]
        return moved(found, folder, config_dir)

    return quick


def made_of_others(hydras: Make) -> Make:
    """A function that answers as Hydra's own does, from other configurations' plain values."""
    composers: dict[tuple[tuple[str, str], ...], Composer] = {}

    def quick(overrides: Sequence[str], config_dir: Path | None) -> MadeConfig:
        if any(o.startswith(("hydra", "+", "~")) for o in overrides):
            return hydras(overrides, config_dir)
        there = held(config_dir)
        folder = None if there not in composers else composers[there].config_dir
        if there not in composers or (folder is not None and not holds(folder, there)):
            composers[there] = Composer(config_dir)
        try:
            made = composers[there].make(overrides)
        except (UserError, *HYDRA_ERRORS):
            return hydras(overrides, config_dir)
        own = None if config_dir is None else config_dir.resolve()
        return made._replace(chosen=replace(made.chosen, config_dir=own))

    return quick


def holds(folder: Path, there: tuple[tuple[str, str], ...]) -> bool:
    """Whether a user's folder still holds what it held."""
    return folder.is_dir() and held(folder) == there


def of_one_folder(composed: Defaults) -> Defaults:
    """A function that asks of all users' folders that hold the same the first."""
    first: dict[tuple[tuple[str, str], ...], Path] = {}

    def quick(chosen: tuple[str, ...], config_dir: Path | None) -> dict[str, Any]:
        if config_dir is None:
            return composed(chosen, None)
        there = held(config_dir)
        same = first.get(there)
        if same is None or not holds(same, there):
            same = first[there] = config_dir
        return composed(chosen, same)

    return quick


@cache
def usual() -> frozenset[str]:
    """The choices that are made anyhow."""
    return frozenset(f"{group}={found.default}" for group, found in choices().items())


def replaceable(chosen: Sequence[str], config_dir: Path | None) -> list[str]:
    """The choices whose files are nothing but the group's node; none beside a recipe's own."""
    groups = [str(parse(choice).key_or_group) for choice in chosen]
    if "experiment" in groups or len(set(groups)) < len(groups):
        return []
    found = []
    for choice, group in zip(chosen, groups, strict=True):
        file = members(group, config_dir).get(str(parse(choice).value()))
        if file is not None and is_plain(file, config_dir, file.stat().st_mtime_ns):
            found.append(choice)
    return found


@cache
def is_plain(file: Path, config_dir: Path | None, _: int) -> bool:
    """Whether a member and what it builds on say nothing of other nodes."""
    return not any("@" in text_of(part) for part in chain(file, config_dir))


def moved(cfg: DictConfig, old: Path | None, new: Path | None) -> DictConfig:
    """A configuration as if composed with another folder that holds the same."""
    if old is not None and new is not None and old != new:
        before, after = str(old.resolve()), str(new.resolve())
        with read_write(cfg.hydra):
            cfg.hydra.searchpath = [s.replace(before, after) for s in cfg.hydra.searchpath]
            own = [o.replace(before, after) for o in cfg.hydra.overrides.hydra]
            cfg.hydra.overrides.hydra = own
            for source in cfg.hydra.runtime.config_sources:
                if source.path == before:
                    source.path = after
    return cfg


def put(cfg: DictConfig, choice: str, config_dir: Path | None, made: dict[bytes, bytes]) -> None:
    """Choose a member in a configuration that is composed already; ``made``: see ``put_node``."""
    group, _, member = choice.partition("=")
    if cfg.hydra.runtime.choices.get(group) != member:
        put_node(cfg, group, node(group, member, config_dir), made)
        with open_dict(cfg):
            cfg.hydra.runtime.choices[group] = member


def node(group: str, member: str, config_dir: Path | None) -> dict[str, Any]:
    """``node_of``, whose files are read once."""
    files = chain(members(group, config_dir)[member], config_dir)
    return read_once(group, member, config_dir, tuple(map(text_of, files)))


@cache
def read_once(
    group: str, member: str, config_dir: Path | None, _: tuple[str, ...]
) -> dict[str, Any]:
    """Not to be changed."""
    return node_of(group, member, config_dir)


def made_of_parts(fixed: Callable[[dict[str, Any]], DictConfig]) -> Callable[..., DictConfig]:
    """A function that answers as ``fixed`` does; each node is made once."""
    made: dict[bytes, bytes] = {}

    def quick(values: dict[str, Any]) -> DictConfig:
        cfg = fixed({})
        for name, value in values.items():
            put_node(cfg, name, value, made)
        return cfg

    return quick
