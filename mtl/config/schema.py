"""The yaml files as the schema: what keys there are, and what type each value has."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl.config import compose
from mtl.config.allowed import TARGET, UNKNOWN, Chosen
from mtl.config.complaints import HYDRA_ERRORS, complaint
from mtl.config.compose import PLACED, choices, choices_of, flat, with_new_members
from mtl.config.nearest import in_words
from mtl.config.ranges import Owner, owner_of, rule_for
from mtl.config.unknown_keys import unknown_key
from mtl.errors import UserError

MISSING = "???"


def defaults_of(hydra_node: Any, config_dir: Path | None = None) -> dict[str, Any]:
    """The configuration that the chosen members make without experiment and overrides.

    Args:
        hydra_node: of what ``compose`` returns.
        config_dir: the user's folder.

    Raises:
        UserError: the files make no sense without the experiment.
    """
    chosen = {g: str(name) for g, name in choices_of(hydra_node).items() if name is not None}
    chosen["experiment"] = "none"
    return composed_defaults(tuple(f"{g}={n}" for g, n in chosen.items()), config_dir)


@lru_cache(maxsize=256)
def composed_defaults(chosen: tuple[str, ...], config_dir: Path | None) -> dict[str, Any]:
    """The resolved configuration of these choices; not to be changed."""
    # Heads and data sets of their own that the data brings are there anyhow.
    groups = [choice for choice in chosen if not choice.startswith(PLACED)]
    try:
        cfg = compose.compose_or_raise(groups, config_dir)
        if not set(chosen) <= {f"{group}={name}" for group, name in choices(cfg).items()}:
            cfg = compose.compose_or_raise(with_new_members(chosen, config_dir), config_dir)
        return resolved(cfg)
    except HYDRA_ERRORS as error:
        raise complaint(error, {}, config_dir) from error


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """Plain values without Hydra's own node."""
    found = {}
    for key in cfg:
        if key == "hydra":
            continue
        # A node knows the root that its interpolations refer to; copying all of it is slow.
        value = MISSING if OmegaConf.is_missing(cfg, key) else cfg[key]
        is_node = OmegaConf.is_config(value)
        found[str(key)] = OmegaConf.to_container(value, resolve=True) if is_node else value
    return found


def check_keys(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse keys that no yaml file has.

    Raises:
        UserError: names the first such key and the nearest ones.
    """
    for key in defaults:
        if key not in values:
            raise UserError(f"~{key}: {key} can't be left out")
    for key in unknown_keys(without_own_callbacks(values, defaults), defaults, ""):
        raise UserError(unknown_key(key, flat(dict(defaults))))


def without_own_callbacks(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values without callbacks that a user adds by their ``_target_``."""
    there, known = values.get("callbacks"), defaults.get("callbacks")
    if not isinstance(there, dict) or not isinstance(known, dict):
        return dict(values)
    own = [n for n, v in there.items() if n not in known and isinstance(v, dict) and TARGET in v]
    return {**values, "callbacks": {n: v for n, v in there.items() if n not in own}}


def unknown_keys(values: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str) -> list[str]:
    """The dotted keys of ``values`` that ``defaults`` lacks; an empty mapping there takes any."""
    found = []
    for key, value in values.items():
        if key not in defaults:
            found += list(flat(value, f"{prefix}{key}"))
        elif isinstance(value, dict) and isinstance(defaults[key], dict):
            free = prefix and not defaults[key]
            found += [] if free else unknown_keys(value, defaults[key], f"{prefix}{key}.")
    return found


def fit_types(
    values: Mapping[str, Any], defaults: Mapping[str, Any], chosen: Chosen = UNKNOWN
) -> dict[str, Any]:
    """Refuse values of another type than the yaml's default.

    A number where text is expected becomes text. Keys that have a rule are left to that.

    Args:
        values: the whole configuration, plain.
        defaults: what its yaml files have.
        chosen: the members that it was made of.

    Returns:
        The values.

    Raises:
        UserError: names the key and what is expected.
    """
    return {
        key: fitted(key, value, defaults[key], chosen) if key in defaults else value
        for key, value in values.items()
    }


def fitted(
    key: str,
    value: Any,
    default: Any,
    chosen: Chosen = UNKNOWN,
    around: Owner | None = None,
) -> Any:
    """One value, or a whole node, made to fit its default; ``around``: see ``owner_of``."""
    if isinstance(default, dict) and isinstance(value, dict):
        owner = owner_of(value, f"{key}.", around, chosen)
        return {
            k: fitted(f"{key}.{k}", v, default[k], chosen, owner) if k in default else v
            for k, v in value.items()
        }
    if default in (None, MISSING, "auto"):
        return value
    rule = rule_for(key, around)
    if isinstance(default, str) and is_number(value) and (rule is None or rule(value)):
        return str(value)
    if rule is not None:
        return value
    if isinstance(default, list) and isinstance(value, list):
        item = item_of(default)
        return [fitted(f"{key}[{i}]", v, item) for i, v in enumerate(value)]
    if not fits(value, default):
        raise UserError(f"{key}={in_words(value)}: must be {expected(default)}")
    return value


def item_of(default: list[Any]) -> Any:
    """What items have to fit; None where the list tells no one type: what a run saved may mix."""
    kinds = {type(value) for value in default}
    return default[0] if len(kinds) == 1 and not kinds & {dict, list} else None


def is_number(value: object) -> bool:
    """A number that is not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def fits(value: object, default: object) -> bool:
    """Whether a value has the type of its default; a whole number may stand for a real one."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return is_number(value)
    return isinstance(value, type(default))


def expected(default: object) -> str:
    """The type of a default in words."""
    words: dict[type, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        list: f"a list, such as {in_words(default)}",
        dict: "a mapping of keys to values",
    }
    return words[type(default)]
