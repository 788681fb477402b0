"""Configurations that differ in members and single values are composed once per process.

Hydra reads and merges some twenty files for each, which would be a quarter of the time of the
tests. Where the files of a member are nothing but its node, that is put in place of the other's;
values are changed as a sweep is planned; where Hydra has to compose, it parses each file once.
``test_quick_composition`` holds it against Hydra's own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from unittest.mock import patch

from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig, open_dict
from quick_copies import copying_quickly
from quick_hydra import merging_once, state

from mtl.config import compose
from mtl.config.compose import group_choices, with_values
from mtl.config.groups import members
from mtl.config.member_files import chain, node_of, text_of
from mtl.config.overrides import parse
from mtl.errors import UserError

Compose = Callable[[Sequence[str], Path | None], DictConfig]
Read = Callable[[ConfigSource, str], ConfigResult]


@contextmanager
def composing_quickly() -> Iterator[None]:
    """All of this module, in this process."""
    once = composing_once(compose.compose_or_raise)
    parsed = reading_once(files().load_config)
    with (
        copying_quickly(),
        merging_once(),
        patch.object(compose, "compose_or_raise", once),
        patch.object(files(), "load_config", parsed),
        # Before a run Hydra composes once more to look up hydra.mode, which nothing here sets.
        patch.object(Hydra, "get_mode", return_value=None),
    ):
        yield


def composing_once(hydras: Compose) -> Compose:
    """A function that answers as Hydra's own does, from fewer compositions."""
    read: dict[tuple[object, ...], DictConfig] = {}

    def quick(overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
        chosen = [o for o in group_choices(overrides, config_dir) if o != "experiment=none"]
        same = {f"head@heads.{name}={name}" for name in members("head", config_dir)}
        same |= {"experiment=none"}
        values = [o for o in overrides if o not in chosen and o not in same]
        if any(value.startswith(("hydra", "+", "~")) for value in values):
            return hydras(overrides, config_dir)
        nodes = replaceable(chosen, config_dir)
        rest = [choice for choice in chosen if choice not in nodes]
        there = [] if config_dir is None else state(config_dir)
        key = (*rest, *there)
        if key not in read:
            read[key] = hydras(rest, config_dir)
        whole = (*chosen, *there)
        if whole not in read:
            read[whole] = read[key].copy()
            for choice in nodes:
                put(read[whole], choice, config_dir)
        try:
            return with_values(read[whole], values, config_dir)
        except UserError:
            return hydras(overrides, config_dir)

    return quick


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


def put(cfg: DictConfig, choice: str, config_dir: Path | None) -> None:
    """Choose a member in a configuration that is composed already."""
    group, _, member = choice.partition("=")
    with open_dict(cfg):
        cfg[group] = node_of(group, member, config_dir)
        cfg.hydra.runtime.choices[group] = member
        cfg.hydra.overrides.task.append(choice)


def files() -> type[ConfigSource]:
    """Hydra's class that reads files; it is made anew as Hydra looks for plug-ins."""
    Plugins.instance()
    return SourcesRegistry.instance().resolve("file")


def reading_once(read: Read) -> Read:
    """A method that answers as ``load_config`` of ``files`` does, from files that are parsed."""
    parsed: dict[tuple[object, ...], ConfigResult] = {}

    def quick(source: ConfigSource, config_path: str) -> ConfigResult:
        file = Path(source.path, source._normalize_file_name(config_path))
        if not file.is_file():
            return read(source, config_path)
        key = (source.provider, file, file.stat().st_mtime_ns, file.stat().st_size)
        if key not in parsed:
            parsed[key] = read(source, config_path)
        return deepcopy(parsed[key])

    return quick
