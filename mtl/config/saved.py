"""The configuration that a run left in its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl.config.allowed import Chosen
from mtl.config.backbones import write_out
from mtl.config.check import check
from mtl.config.complaints import HYDRA_ERRORS, complaint, in_short, refuse_wrong_choices
from mtl.config.compose import compose, flat, group_choices
from mtl.config.finalise import settle
from mtl.config.groups import choices, short_keys
from mtl.config.nearest import nearest
from mtl.config.one_run import refuse_sweep
from mtl.config.overrides import key_of, parse
from mtl.config.schema import check_keys, fit_types, resolved
from mtl.config.trust import Trust, refuse_resolvers, refuse_strangers
from mtl.config.unknown_keys import unknown_key
from mtl.config.upgrade import upgraded
from mtl.config.yaml_loader import LOADER
from mtl.errors import UserError

FILE = "config.yaml"
BESIDE = ("status.json", "results.json")
"""Beside it a run leaves at least one of these."""
SEVERAL = ("heads", "callbacks", "logger")
"""Groups with a class for each of their keys."""
MOST_LEVELS = 30
NO_CLASS = (*SEVERAL, "sweep", "experiment", "hydra")
LIKE_FOLDER = 0.85
"""How much alike folders must be of which most begin alike."""


def open_run(
    run: str | Path,
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
    needs_data: bool = True,
    trust: Sequence[str] = (),
) -> DictConfig:
    """Read a run's own configuration, with changes.

    The folder may be a stranger's: nothing that it names is imported unless it lies in this
    package, in ``config_dir`` or in a module of ``trust``, and nothing in it is resolved.

    Args:
        run: the run's folder.
        overrides: ``key=value`` changes one value, ``data=voc2012`` replaces a whole node.
        config_dir: a user's folder of further members.
        needs_data: whether the data's folders must be there.
        trust: names of modules whose classes it may name.

    Returns:
        As ``load`` returns it.

    Raises:
        UserError: no such run, or it names classes of others, or an override is wrong, or changes
            heads or recipe, which a trained run keeps.
    """
    return changed(read_config(Path(run)), overrides, config_dir, needs_data, trust)


def changed(
    cfg: DictConfig,
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
    needs_data: bool = True,
    trust: Sequence[str] = (),
) -> DictConfig:
    """A run's configuration with changes; see ``open_run``.

    Args:
        cfg: of the run; left as it is.
        overrides: see ``open_run``.
        config_dir: likewise.
        needs_data: likewise.
        trust: likewise.

    Raises:
        UserError: likewise.
    """
    cfg = cfg.copy()
    for override in overrides:
        group = parse(override).key_or_group
        if group in ("head", "experiment"):
            raise UserError(f"{override}: a trained run keeps its {group}; change single values")
    refuse_wrong_choices(overrides, config_dir)
    refuse_sweep(overrides)
    chosen = group_choices(overrides, config_dir)
    replace_nodes(cfg, chosen, config_dir)
    reference = resolved(cfg)
    apply_values(cfg, [o for o in overrides if o not in chosen])
    try:
        values = resolved(cfg)
    except HYDRA_ERRORS as error:
        raise complaint(error, {}) from error
    check_keys(values, reference)
    values["encoder"] = write_out(values["encoder"], config_dir)
    anew = Chosen(config_dir, {key_of(o): str(parse(o).value()) for o in chosen})
    values = settle(fit_types(values, reference, anew))
    refuse_strangers(values, Trust(trust, config_dir))
    return check(values, needs_data, chosen=anew, begins=False)


def read_config(run: Path) -> DictConfig:
    """``config.yaml`` of a run's folder; raises what ``read_plain`` does."""
    return OmegaConf.create(read_plain(run))


def read_plain(run: Path) -> dict[str, Any]:
    """``config.yaml`` of a run's folder as plain values.

    Raises:
        UserError: there is none, or it can't be read, or is not what a run of this version writes.
    """
    values = read_values(run)
    new, changes = upgraded(values)
    if not is_whole(new):
        raise UserError(f"{run / FILE}: is not the configuration of a run, or not all of it")
    if changes:
        raise UserError(
            f"run={run}: was written by an older version ({changes[0]}); "
            f"write: mtl upgrade run={run}"
        )
    return new


def read_values(run: Path) -> dict[str, Any]:
    """What ``config.yaml`` of a run's folder holds, of whatever version.

    Raises:
        UserError: there is none, or it can't be read, or would look things up.
    """
    file = run / FILE
    if not file.is_file():
        what = "no config.yaml in it" if run.is_dir() else "no such folder"
        raise UserError(f"run={run}: {'a file of no run' if run.is_file() else what}{hint(run)}")
    try:
        text = file.read_text()
        refuse_bombs(text)
        values = yaml.load(text, Loader=LOADER)
    except (*HYDRA_ERRORS, OSError) as error:
        raise UserError(f"{file}: can't be read ({in_short(error)})") from error
    refuse_resolvers(values, file)
    if not isinstance(values, dict):
        raise UserError(f"{file}: is not the configuration of a run")
    return {str(key): value for key, value in values.items()}


def refuse_bombs(text: str) -> None:
    """See that a few lines of YAML can't become gigabytes, or overflow the stack.

    Raises:
        yaml.YAMLError: it can't be read, has aliases, or more levels than any configuration.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"has the alias *{event.anchor}, which a run never writes")
        if depth > MOST_LEVELS:
            raise yaml.YAMLError("has too many levels")


def groups_of_one_class() -> list[str]:
    """The groups whose node in a configuration is that of the chosen member."""
    return [g for g, choice in choices().items() if choice.default and g not in NO_CLASS]


def is_whole(values: Mapping[str, Any]) -> bool:
    """Whether there is every short key, and a node with a class wherever a run has one."""
    if not short_keys().keys() <= values.keys():
        return False
    several = [values.get(group) for group in SEVERAL]
    if not isinstance(values.get("tasks"), list) or not all(isinstance(n, dict) for n in several):
        return False
    nodes = [values.get(group) for group in groups_of_one_class()]
    nodes += [node for group in several if group for node in group.values()]
    return all(isinstance(node, dict) and "_target_" in node for node in nodes)


def hint(run: Path, key: str = "run") -> str:
    """The run most likely meant: of a like name, else the latest, where one alone is meant.

    Args:
        run: as it was named.
        key: with which: of ``runs``, folders that hold several may be meant, and none is proposed
            that isn't like what was written.
    """
    found = sorted(run_folders(run.parent), key=lambda folder: folder.stat().st_mtime)
    if not found:
        return "; there are no runs yet: mtl train"
    if key == "runs":
        holding = dict.fromkeys(str(path) for run in found for path in (run, run.parent))
        near = nearest(str(run), holding, alike=LIKE_FOLDER)
        return f"; did you mean runs=[{near[0]}]?" if near else ""
    near = nearest(str(run), [str(folder) for folder in found])
    return f"; did you mean run={near[0]}?" if near else f"; the latest is run={found[-1]}"


def run_folders(beside: Path) -> list[Path]:
    """The runs in ``outputs`` and beside a path; a config.yaml alone, as in ``conf``, is none."""
    files = [*Path("outputs").glob("**/config.yaml"), *beside.glob("*/config.yaml")]
    folders = dict.fromkeys(file.parent for file in files)
    return [f for f in folders if any((f / name).is_file() for name in BESIDE)]


def replace_nodes(cfg: DictConfig, chosen: Sequence[str], config_dir: Path | None) -> None:
    """Put freshly composed nodes in place of the run's own.

    A new data set may name its targets differently, so tasks then choose theirs anew.

    Raises:
        UserError: they can't be composed.
    """
    if not chosen:
        return
    fresh = compose(chosen, config_dir)
    for override in chosen:
        group = key_of(override)
        with open_dict(cfg):
            cfg[group] = fresh[group]
        if group == "data":
            for head in cfg.heads.values():
                if head.get("target") not in cfg.data.targets:
                    head.target = None


def apply_values(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Change single values.

    Raises:
        UserError: there is no such key.
    """
    OmegaConf.set_struct(cfg, True)
    for text in overrides:
        override = parse(text)
        key, value = override.key_or_group, override.value()
        known: dict[str, Any] = flat(cfg)
        if override.is_add() or override.is_force_add() or override.is_delete():
            raise UserError(f"{text}: a trained run has its keys; write it without + or ~")
        there = OmegaConf.select(cfg, key) if key not in known else None
        if key not in known and not isinstance(there, DictConfig):
            raise UserError(unknown_key(key, known))
        try:
            # An empty mapping takes any keys, which merging would refuse.
            OmegaConf.update(cfg, key, value, merge=there != {})
        except HYDRA_ERRORS as error:
            raise complaint(error, known) from error
    OmegaConf.set_struct(cfg, False)
