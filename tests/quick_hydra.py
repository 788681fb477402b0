"""Of one choice of members Hydra reads and merges its files once per process.

All else of a composition, from the values on the command line to the errors, is Hydra's own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.defaults_list import DefaultsList
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig
from quick_copies import kept
from quick_merge import loading_once, merging_plainly

from mtl.config.member_files import text_of
from mtl.config.paths import conf_dir


@contextmanager
def merging_once() -> Iterator[None]:
    """All of this module, in this process."""
    listed = listing_once(config_loader_impl.create_defaults_list)
    merged = merged_once(merging_plainly(ConfigLoaderImpl._compose_config_from_defaults_list))
    looked_up = needed_alone(defaults_list._create_interpolation_map)
    with (
        patch.object(ConfigRepository, "load_config", loading_once(ConfigRepository.load_config)),
        patch.object(config_loader_impl, "create_defaults_list", listed),
        patch.object(ConfigLoaderImpl, "_compose_config_from_defaults_list", merged),
        patch.object(defaults_list, "_create_interpolation_map", looked_up),
    ):
        yield


def listing_once(create: Callable[..., DefaultsList]) -> Callable[..., DefaultsList]:
    """A function that answers as ``create_defaults_list`` does, from the members chosen."""
    found: dict[tuple[object, ...], DefaultsList] = {}

    @wraps(create)
    def quick(
        repo: IConfigRepository, config_name: str, overrides_list: Sequence[Override], **more: bool
    ) -> DefaultsList:
        chosen: list[Override] = []
        values: list[Override] = []
        for override in overrides_list:
            if not override.is_sweep_override():
                is_value = isinstance(override.value(), dict)
                is_value = is_value or not repo.group_exists(override.key_or_group)
                (values if is_value else chosen).append(override)
        there = [
            (s.provider, s.path if Path(s.path) == conf_dir() else held(Path(s.path)))
            for s in repo.get_sources()
        ]
        key = (config_name, str(more), str([o.input_line for o in chosen]), str(there))
        if key not in found:
            found[key] = create(repo, config_name, chosen, **more)
        return replace(found[key], config_overrides=values)

    return quick


def merged_once(compose: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    """A method that merges each list that ``listing_once`` has found once."""
    found: dict[int, tuple[list[ResultDefault], DictConfig]] = {}

    @wraps(compose)
    def quick(
        self: ConfigLoaderImpl, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        if id(defaults) not in found:
            found[id(defaults)] = defaults, kept(compose(self, defaults, repo))
        return deepcopy(found[id(defaults)][1])

    return quick


def needed_alone(create: Callable[..., DictConfig]) -> Callable[..., Any]:
    """What names in a defaults list may refer to, where one refers to anything."""

    @wraps(create)
    def quick(overrides: object, defaults: Sequence[InputDefault], self_added: bool) -> Any:
        asked = any("${" in repr(default) for default in defaults)
        return create(overrides, defaults, self_added) if asked else None

    return quick


def held(config_dir: Path | None) -> tuple[tuple[str, str], ...]:
    """What a user's folder holds, wherever it is."""
    if config_dir is None:
        return ()
    files = sorted(config_dir.rglob("*.yaml"))
    return tuple((str(f.relative_to(config_dir)), text_of(f)) for f in files)
