"""From overrides to one configuration, through Hydra's compose API."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from mtl.config.allowed import Chosen
from mtl.config.complaints import HYDRA_ERRORS, complaint, refuse_wrong_choices
from mtl.config.groups import groups, members
from mtl.config.member_files import drop_allowed
from mtl.config.overrides import key_of, parse, parse_all
from mtl.config.paths import conf_dir

VERSION_BASE = "1.3"
CONFIG_NAME = "config"
PLACED = ("head@", "data@")
"""How choices begin of which there are as many as the user wants."""
MAPPING = re.compile(r"[\w.]+=\{\s*[^\s}]")
"""How overrides begin that give a key a mapping with something in it."""


def compose(overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
    """Compose the configuration.

    Args:
        overrides: as on the command line, without values to sweep over.
        config_dir: a user's folder of further members.

    Returns:
        All groups and the whole catalogue of heads, not yet resolved, with Hydra's own node
        ``hydra``, which ``finalise`` needs and drops.

    Raises:
        UserError: an override or a file is wrong.
    """
    refuse_wrong_choices(overrides, config_dir)
    try:
        return compose_or_raise(with_new_members(overrides, config_dir), config_dir)
    except HYDRA_ERRORS as error:
        raise complaint(error, current_values(overrides, config_dir), config_dir) from error


def compose_or_raise(overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
    """``compose`` with Hydra's own errors."""
    with initialised(config_dir):
        cfg = hydra.compose(
            CONFIG_NAME, [*search_path(config_dir), *overrides], return_hydra_config=True
        )
    drop_allowed(cfg)
    return cfg


def with_values(
    cfg: DictConfig, overrides: Sequence[str], config_dir: Path | None = None
) -> DictConfig:
    """A composed configuration with single values changed, as if composed with them.

    Args:
        cfg: as ``compose`` returns it; it stays as it is.
        overrides: of single values; which members are chosen doesn't change.
        config_dir: a user's folder of further members.

    Raises:
        UserError: an override is wrong.
    """
    refuse_wrong_choices(overrides, config_dir)
    changed = cfg.copy()
    try:
        ConfigLoaderImpl._apply_overrides_to_config(parse_all(overrides), changed)
    except HYDRA_ERRORS as error:
        raise complaint(error, written_values(cfg), config_dir) from error
    # What was typed is told apart from what a recipe says by this list.
    task = [*cfg.hydra.overrides.task, *overrides]
    OmegaConf.update(changed, "hydra.overrides.task", task, force_add=True)
    return changed


def search_path(config_dir: Path | None) -> list[str]:
    """The override by which Hydra looks into the user's folder too."""
    return [] if config_dir is None else [f"hydra.searchpath=['{config_dir.resolve()}']"]


@contextlib.contextmanager
def initialised(config_dir: Path | None) -> Iterator[None]:
    """Hydra set up on the packaged configuration, with every head in the catalogue.

    Inside a job of Hydra's too: its own set-up is put aside meanwhile.
    """
    register_heads(config_dir)
    around = GlobalHydra.instance()
    before = around.hydra
    around.clear()
    try:
        with hydra.initialize_config_dir(
            str(conf_dir()), version_base=VERSION_BASE, job_name="train"
        ):
            yield
    finally:
        GlobalHydra.instance().hydra = before


def register_heads(config_dir: Path | None) -> None:
    """Make each file of ``head/`` available as ``heads.<name>``, with no list to edit.

    The config store travels to the processes of other launchers with Hydra's own state.
    """
    entries = [{f"head@heads.{name}": name} for name in members("head", config_dir)]
    ConfigStore.instance().store("heads", {"defaults": entries, "heads": {}}, provider="mtl")


def with_new_members(
    overrides: Sequence[str],
    config_dir: Path | None = None,
    composed: Callable[[Sequence[str]], DictConfig] | None = None,
) -> list[str]:
    """Put the ``+`` that Hydra asks for before what is new.

    That is each ``head@heads.NAME=`` and ``data@data.sets.NAME=``, and each key of a
    ``callbacks.NAME`` that has a ``callbacks.NAME._target_=``. Which are new depends on the other
    choices: a data set may bring heads of its own. A mapping is put into what is there, and its
    keys are checked later: some nodes take any (``sweep.options={slurm_account: mine}``).

    Args:
        overrides: as on the command line.
        config_dir: a user's folder of further members.
        composed: what composes the choices alone, where not Hydra anew.
    """
    overrides = [f"+{o}" if MAPPING.match(o) else o for o in overrides]
    mentioned = {name for o in overrides if (name := own_callback(o))}
    if not mentioned and not any(override.startswith(PLACED) for override in overrides):
        return list(overrides)
    alone = group_choices(overrides, config_dir)
    cfg = compose_or_raise(alone, config_dir) if composed is None else composed(alone)
    heads, fresh = choices(cfg), tuple(f"callbacks.{n}." for n in mentioned - set(cfg.callbacks))
    return [
        f"+{o}"
        if (o.startswith(PLACED) and parse(o).get_key_element() not in heads)
        or (fresh and o.startswith(fresh))
        else o
        for o in overrides
    ]


def own_callback(override: str) -> str | None:
    """NAME in ``callbacks.NAME._target_=``."""
    match = re.match(r"callbacks\.(\w+)\._target_=", override)
    return match[1] if match else None


def group_choices(overrides: Sequence[str], config_dir: Path | None = None) -> list[str]:
    """The overrides that choose a member of a group, further heads left out."""
    there = groups(config_dir)
    return [o for o in overrides if key_of(o) in there]


def current_values(overrides: Sequence[str], config_dir: Path | None = None) -> dict[str, object]:
    """The keys that exist, dotted, with their values, for the groups chosen by ``overrides``.

    Groups come in under their own names with the member chosen. Used to suggest what a wrong key
    was meant to be, so it falls back on less where the choices can't be composed.
    """
    chosen = group_choices(overrides, config_dir)
    placed = [override for override in overrides if override.startswith(PLACED)]
    for attempt in ([*chosen, *placed], chosen, []):
        with contextlib.suppress(*HYDRA_ERRORS):
            every = with_new_members(attempt, config_dir)
            return written_values(compose_or_raise(every, config_dir))
    return {}


def written_values(cfg: DictConfig) -> dict[str, object]:
    """Choices and leaves by dotted key, as a user would write them.

    Args:
        cfg: as ``compose`` returns it; what its interpolations lead to stands in their place, and
            ``...`` where that is known in a run alone.
    """
    found = {**choices(cfg), **flat(cfg)}
    for key, value in found.items():
        if "${" in str(value):
            found[key] = _looked_up(cfg, key)
    return found


def _looked_up(cfg: DictConfig, key: str) -> object:
    try:
        value = OmegaConf.select(cfg, key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except HYDRA_ERRORS:
        return "..."


def flat(node: object, prefix: str = "") -> dict[str, object]:
    """The leaves of a configuration by dotted key, interpolations left as they are."""
    if isinstance(node, DictConfig):
        node = OmegaConf.to_container(node, resolve=False)
    if not isinstance(node, dict):
        return {prefix: node}
    found: dict[str, object] = {}
    for key, value in node.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def choices(cfg: DictConfig) -> dict[str, object]:
    """Which member was chosen for each group, ``head@heads.NAME`` included."""
    return choices_of(cfg.hydra)


def chosen_of(hydra_node: Any) -> Chosen:
    """The members that Hydra made a configuration of."""
    # A head's choice is called by the node that it fills: head@heads.NAME.
    names = {key.rpartition("@")[2]: str(name) for key, name in choices_of(hydra_node).items()}
    return Chosen(config_dir_of(hydra_node), names)


def choices_of(hydra_node: Any) -> dict[str, object]:
    """``choices`` from Hydra's own node."""
    found = OmegaConf.to_container(hydra_node.runtime.choices)
    assert isinstance(found, dict)
    return {str(k): v for k, v in found.items() if str(k).split("/")[0] != "hydra"}


def config_dir_of(hydra_node: DictConfig) -> Path | None:
    """The user's folder that a running job was composed with."""
    for source in hydra_node.runtime.config_sources:
        if "command-line" in source.provider:
            return Path(source.path)
    return None
