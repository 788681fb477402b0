"""The configuration that a run left in its folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl.config.backbones import write_out
from mtl.config.check import check
from mtl.config.complaints import HYDRA_ERRORS, complaint, refuse_wrong_choices
from mtl.config.compose import compose, flat, group_choices
from mtl.config.finalise import settle
from mtl.config.nearest import nearest, unknown_key
from mtl.config.overrides import key_of, parse
from mtl.config.schema import check_keys, fit_types, resolved
from mtl.errors import UserError


def open_run(
    run: str | Path,
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
    needs_data: bool = True,
) -> DictConfig:
    """Read a run's own configuration, with changes.

    Args:
        run: the run's folder.
        overrides: ``key=value`` changes one value, ``data=voc2012`` replaces a whole node.
        config_dir: a user's folder of further members.
        needs_data: whether the data's folders must be there.

    Returns:
        As ``load`` returns it.

    Raises:
        UserError: no such run, or an override is wrong, or changes heads or recipe, which a
            trained run keeps.
    """
    cfg = read_config(Path(run))
    for override in overrides:
        group = parse(override).key_or_group
        if group in ("head", "experiment"):
            raise UserError(f"{override}: a trained run keeps its {group}; change single values")
    refuse_wrong_choices(overrides, config_dir)
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
    return check(settle(fit_types(values, reference)), needs_data)


def read_config(run: Path) -> DictConfig:
    """``config.yaml`` of a run's folder.

    Raises:
        UserError: there is none, or it can't be read.
    """
    file = run / "config.yaml"
    if not file.is_file():
        raise UserError(
            f"run={run}: {'no config.yaml in it' if run.is_dir() else 'no such folder'}{hint(run)}"
        )
    try:
        cfg = OmegaConf.load(file)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: can't be read ({' '.join(str(error).split())})") from error
    if not isinstance(cfg, DictConfig) or "tasks" not in cfg:
        raise UserError(f"{file}: is not the configuration of a run")
    return cfg


def hint(run: Path) -> str:
    """The run most likely meant: of a like name, else the latest."""
    found = sorted(run_folders(run.parent), key=lambda folder: folder.stat().st_mtime)
    near = nearest(str(run), [str(folder) for folder in found])
    if near:
        return f"; did you mean run={near[0]}?"
    return f"; the latest is run={found[-1]}" if found else "; there are no runs yet: mtl train"


def run_folders(beside: Path) -> list[Path]:
    """The runs in ``outputs`` and beside a path."""
    files = [*Path("outputs").glob("**/config.yaml"), *beside.glob("*/config.yaml")]
    return [file.parent for file in dict.fromkeys(files)]


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
        if key not in known and not isinstance(OmegaConf.select(cfg, key), DictConfig):
            raise UserError(unknown_key(key, known))
        try:
            OmegaConf.update(cfg, key, value, merge=True)
        except HYDRA_ERRORS as error:
            raise complaint(error, known) from error
    OmegaConf.set_struct(cfg, False)
