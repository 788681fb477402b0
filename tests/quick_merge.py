"""What Hydra merges of many files, file by file, is merged as plain values; see ``quick_hydra.py``.

Its own node, which has types, is left to Hydra, and so is whatever is merged in another way than
key by key.
"""

import pickle
from collections.abc import Callable, Sequence
from copy import copy, deepcopy
from functools import wraps
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf

from mtl.config.member_files import without_allowed
from mtl.config.plain_values import NotPlainError, merge_into

Load = Callable[[ConfigRepository, str], ConfigResult | None]
Merge = Callable[[ConfigLoaderImpl, Sequence[ResultDefault], IConfigRepository], DictConfig]


def loading_once(load: Load) -> Load:
    """A method that answers as ``ConfigRepository.load_config``, from files that are parsed.

    What it returns is not to be changed.
    """
    found: dict[tuple[object, ...], ConfigResult | None] = {}

    @wraps(load)
    def quick(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or source.scheme() not in ("file", "pkg"):
            return load(self, config_path)
        key: tuple[object, ...] = (source.provider, source.path, config_path)
        if source.scheme() == "file":
            state = Path(source.path, source._normalize_file_name(config_path)).stat()
            key = (*key, state.st_mtime_ns, state.st_size)
        if key not in found:
            found[key] = load(self, config_path)
        return found[key]

    return quick


def merging_plainly(merge: Merge) -> Merge:
    """A method that answers as ``_compose_config_from_defaults_list``."""
    hydras: dict[tuple[object, ...], DictConfig] = {}
    made: dict[bytes, bytes] = {}

    def quick(
        self: ConfigLoaderImpl, defaults: Sequence[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        copied = Copied(repo)
        try:
            own, values = parted(defaults, repo)
        except NotPlainError:
            return merge(self, defaults, copied)
        key = tuple((d.config_path, d.package, repo.load_config(d.config_path).path) for d in own)
        if key not in hydras:
            hydras[key] = merge(self, own, copied)
        cfg = deepcopy(hydras[key])
        for name, value in values.items():
            put_node(cfg, name, value, made)
        return cfg

    return quick


class Copied:
    """A repository whose files may be changed by who merges them."""

    def __init__(self, repo: IConfigRepository) -> None:
        self.repo = repo

    def __getattr__(self, name: str) -> Any:
        return getattr(self.repo, name)

    def load_config(self, config_path: str) -> ConfigResult | None:
        loaded = copy(self.repo.load_config(config_path))
        if loaded is not None:
            loaded.config = deepcopy(loaded.config)
        return loaded


def parted(
    defaults: Sequence[ResultDefault], repo: IConfigRepository
) -> tuple[list[ResultDefault], dict[str, Any]]:
    """The entries of Hydra's own node, and the merged values of all others.

    What files say about options, a third of it all, would be dropped next.

    Raises:
        NotPlainError: they aren't merged key by key.
    """
    own: list[ResultDefault] = []
    values: dict[str, Any] = {}
    for default in defaults:
        loaded = repo.load_config(default.config_path)
        package = loaded.header["package"] if default.package is None else default.package
        path = package.split(".") if package else []
        if path[:1] == ["hydra"]:
            own.append(default)
            continue
        typed = loaded.is_schema_source and loaded.config._is_typed()
        known = not loaded.is_schema_source and repo.get_schema_source().is_config(
            default.config_path
        )
        plain = OmegaConf.to_container(loaded.config)
        if typed or known or not isinstance(plain, dict) or (not path and "hydra" in plain):
            raise NotPlainError
        for name in reversed(path):
            plain = {name: plain}
        merge_into(values, plain)
    return own, without_allowed(values)


def put_node(cfg: DictConfig, name: str, value: object, made: dict[bytes, bytes]) -> None:
    """Append a value to a configuration, or put it in another's place.

    Args:
        cfg: to be changed.
        name: of the value.
        value: plain.
        made: the nodes that have been made of values, both pickled.
    """
    given = pickle.dumps((name, value))
    if given not in made:
        node = OmegaConf.create({name: value})._get_node(name)
        node._set_parent(None)
        made[given] = pickle.dumps(node)
    node = pickle.loads(made[given])
    node._set_parent(cfg)
    cfg._content[name] = node
