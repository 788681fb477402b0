"""What Hydra and OmegaConf complain about, said in one line."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from mtl.config.groups import groups, members, need_member
from mtl.config.member_files import ALLOWED, mapping_in
from mtl.config.nearest import nearest, unknown
from mtl.config.overrides import parse
from mtl.config.unknown_keys import unknown_key
from mtl.errors import UserError

HYDRA_ERRORS = (
    HydraException,
    OmegaConfBaseException,
    yaml.YAMLError,
    ValueError,
    TypeError,
    AssertionError,
)
"""What Hydra lets out when overrides or files are wrong."""


def refuse_wrong_choices(overrides: Sequence[str], config_dir: Path | None = None) -> None:
    """Find the mistakes in single overrides that Hydra would answer with a traceback or a riddle.

    Raises:
        UserError: an override can't be read, sweeps, or chooses a member that does not exist or
            whose file holds no keys.
    """
    there = groups(config_dir)
    for text in overrides:
        override = parse(text)
        group = override.key_or_group
        if ALLOWED in group.split("."):
            raise UserError(f"{text}: what an option may be is said in its file alone")
        if group == "study":
            raise UserError(f"{text}: add -m to sweep over its values")
        if override.is_sweep_override():
            raise UserError(f"{text}: add -m to sweep over values, or write a list as key=[a,b]")
        if group == "head" and override.package is None:
            raise UserError(
                f"{text}: heads are chosen by tasks=[NAME,...];"
                " a further one comes in by head@heads.NAME=KIND"
            )
        if group == "heads" and not isinstance(override.value(), dict):
            raise UserError(f"{text}: write heads.NAME.KEY=VALUE, or choose heads by tasks=[NAME]")
        if group not in there or isinstance(override.value(), dict):
            continue
        if group == "data" and not (override.package or "data.sets.").startswith("data.sets."):
            raise UserError(f"{text}: data sets beside others come in by data@data.sets.NAME=")
        if override.is_delete():
            raise UserError(f"{text}: {group} can't be left out; see mtl ls {group}")
        if override.is_force_add() or (override.is_add() and override.package is None):
            raise UserError(f"{text}: write it without +")
        if isinstance(override.value(), list):
            raise UserError(f"{text}: choose one; see mtl ls {group}")
        need_member(group, override.value(), config_dir)
        with suppress(yaml.YAMLError):  # which Hydra tells with its line
            mapping_in(members(group, config_dir)[str(override.value())])


def complaint(
    error: Exception, values: Mapping[str, object], config_dir: Path | None = None
) -> UserError:
    """One line for an error of Hydra's, OmegaConf's or the YAML parser's.

    Args:
        error: what was raised.
        values: the keys that exist, dotted, with their current values.
        config_dir: the user's folder.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return missing(str(error.missing_cfg_file), list(error.options or ()), config_dir)
    return UserError(reworded(str(error), values, config_dir) or in_short(error))


def reworded(text: str, values: Mapping[str, object], config_dir: Path | None = None) -> str | None:
    """Hydra's commonest messages, said better."""
    if match := re.match(r"(?:In '(?P<file>[^']+)': )?Could not override '(?P<key>[^']+)'", text):
        return wrong_key(match["key"], match["file"], values, config_dir)
    if match := re.search(r"An item is already at '([^']+)'", text):
        return f"+{match[1]}: the key exists; write it without +"
    if match := re.match(r"Could not delete from config. '([^']+)' does not exist", text):
        return unknown_key(match[1], values, config_dir)
    if match := re.match(r"Multiple values for ([^ ]+)\. ", text):
        return f"{match[1]} is chosen twice; use 'override /{match[1]}' in the file"
    return None


def in_short(error: Exception) -> str:
    """One line with the place of the mistake where the error knows it."""
    text = " ".join(str(error).split()) or type(error).__name__
    cause = error.__cause__
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {str(error).splitlines()[0]}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem_mark.name}: line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(cause, OmegaConfBaseException):
        return f"{text}: {in_short(cause)}"
    return text


def wrong_key(
    key: str, file: str | None, values: Mapping[str, object], config_dir: Path | None = None
) -> str:
    """A key or group that the configuration does not have."""
    where = f"{file}.yaml: " if file else ""
    if "@" in key:
        group = key.partition("@")[0]
        return f"{where}no '{key}' in the defaults; write {group}=MEMBER"
    return where + unknown_key(key, values, config_dir)


def missing(path: str, options: list[str], config_dir: Path | None) -> UserError:
    """A member, or a whole group, that no folder has."""
    group, _, name = path.rpartition("/")
    there = groups(config_dir)
    if group in there:
        try:
            need_member(group, name, config_dir)
        except UserError as error:
            return error
    if options:
        return UserError(f"{group}={name}: {unknown(group, name, options)}")
    hint = "".join(f"; did you mean '{near}'?" for near in nearest(group or name, there))
    return UserError(f"no configuration '{path}'{hint}")
