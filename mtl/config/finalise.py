"""From a composed configuration to plain values for the chosen tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl.config.allowed import Chosen
from mtl.config.backbones import write_out
from mtl.config.complaints import HYDRA_ERRORS, complaint
from mtl.config.compose import chosen_of, flat
from mtl.config.each_target import heads_of_targets, tasks_named
from mtl.config.member_files import without_allowed
from mtl.config.mixture import SETS, write_out_sets
from mtl.config.nearest import in_words, listing, unknown
from mtl.config.packages import check_packages
from mtl.config.ranges import check_ranges
from mtl.config.schema import (
    MISSING,
    check_keys,
    defaults_of,
    fit_types,
    resolved,
    unknown_keys,
)
from mtl.config.texts import untexted
from mtl.errors import UserError

SWEEP = "sweep"
"""The node that says how many runs are made, for ``mtl train -m``."""


def finalise(cfg: DictConfig) -> DictConfig:
    """``final_values`` as a configuration that takes no further keys."""
    return fixed(final_values(cfg))


def fixed(values: dict[str, Any]) -> DictConfig:
    """A configuration of plain values that takes no further keys."""
    cfg = OmegaConf.create(values)
    OmegaConf.set_struct(cfg, True)
    return cfg


def final_values(cfg: DictConfig, hydra_node: Any = None) -> dict[str, Any]:
    """Resolve a configuration, hold it to the yaml files, and drop the heads not chosen.

    Args:
        cfg: as ``compose`` returns it, or as Hydra hands it to a job; left as it is.
        hydra_node: Hydra's own node where ``cfg`` lacks it (in a job, ``HydraConfig.get()``).

    Returns:
        Plain values: no interpolation left, ``heads`` in the order of ``tasks``.

    Raises:
        UserError: an unknown key, a value of the wrong type, a missing value, tasks that are no
            heads, or a package that is not installed.
    """
    values = held_values(cfg, hydra_node)
    del values[SWEEP]
    return values


def held_values(cfg: DictConfig, hydra_node: Any = None) -> dict[str, Any]:
    """``final_values`` with the node of the sweep, which is no part of any of its runs."""
    node = cfg.hydra if hydra_node is None else hydra_node
    try:
        values = without_allowed(resolved(cfg))
    except HYDRA_ERRORS as error:
        raise complaint(error, {}) from error
    chosen = chosen_of(node)
    defaults = defaults_of(node, chosen.config_dir)
    return held_to_files(values, defaults, chosen, [str(o) for o in node.overrides.task])


def held_to_files(
    values: dict[str, Any], defaults: dict[str, Any], chosen: Chosen, overrides: Sequence[str]
) -> dict[str, Any]:
    """``held_values`` of values that are resolved.

    Args:
        values: plain; changed in place.
        defaults: what the chosen members have; not to be changed.
        chosen: the members.
        overrides: of the command line.

    Raises:
        UserError: see ``final_values``.
    """
    forget_replaced(values, defaults, overrides)
    values["data"] = untexted(values["data"])
    values["heads"] |= heads_of_targets(values["heads"], values["data"])
    own = heads_of_targets(defaults["heads"], values["data"])
    defaults = {**defaults, "heads": {**defaults["heads"], **own}}
    check_keys(values, defaults)
    values = fit_types(values, defaults, chosen)
    values["encoder"] = write_out(values["encoder"], chosen.config_dir)
    values["data"] = write_out_sets(values["data"], defaults["data"])
    final = settle(values)
    check_ranges(final[SWEEP], chosen, f"{SWEEP}.")
    check_packages(final["logger"])
    check_metrics(final["heads"], defaults["heads"])
    return final


def forget_replaced(
    values: dict[str, Any], defaults: Mapping[str, Any], overrides: Sequence[str]
) -> None:
    """Drop what a recipe says of a part that the command line replaced, where it makes no sense.

    ``experiment=bccd data=shapes``: the recipe's ``data.root`` was of the data set it had chosen.
    What the command line itself says is left to be refused. Heads may come with the data, and a
    recipe's data sets beside others make no sense where these can't be mixed.

    Args:
        values: the resolved configuration; changed in place.
        defaults: what the chosen members have.
        overrides: of the command line.
    """
    written = dict(override.lstrip("+~").partition("=")[::2] for override in overrides)
    replaced = {key for key, value in written.items() if "." not in key and value[:1] != "{"}
    if "data" in replaced:
        replaced.add("heads")
        if not any(key.startswith("data@") for key in written) and "merge" not in defaults["data"]:
            values["data"].pop(SETS, None)
        _choose_targets_anew(values, written)
    typed = [key for key in written if key not in replaced]
    for key in unknown_keys(values, defaults, ""):
        group, *path = key.split(".")
        own = any(f"{key}.".startswith(f"{t}.") or t.startswith(f"{key}.") for t in typed)
        if group in replaced and path and not own:
            drop(values, key.split("."))


def _choose_targets_anew(values: dict[str, Any], written: Mapping[str, str]) -> None:
    """Forget the targets of heads that the recipe's own data had and the data now lacks."""
    there = values["data"].get("targets") or {}
    for task, head in values["heads"].items():
        typed = f"heads.{task}.target" in written
        if SETS not in values["data"] and not typed and head.get("target") not in (None, *there):
            head["target"] = None


def drop(node: dict[str, Any], path: Sequence[str]) -> None:
    """Delete a nested key, and the mappings that are empty then."""
    key, *deeper = path
    if deeper:
        drop(node[key], deeper)
    if not deeper or node[key] == {}:
        del node[key]


def check_metrics(heads: Mapping[str, Any], defaults: dict[str, Any]) -> None:
    """A head's metrics are some of those that its yaml lists.

    Raises:
        UserError: none, or one that the head does not have; or its yaml has no keys at all.
    """
    for task, head in heads.items():
        if not isinstance(head, Mapping):
            raise UserError(f"heads.{task}: its file holds no lines of KEY: VALUE")
        allowed = defaults[task].get("metrics", [])
        if allowed and not head["metrics"]:
            raise UserError(f"heads.{task}.metrics=[]: name at least one of {listing(allowed)}")
        for name in head.get("metrics", []):
            if name not in allowed:
                raise UserError(f"heads.{task}.metrics: {unknown('metric', str(name), allowed)}")


def settle(values: dict[str, Any]) -> dict[str, Any]:
    """Drop the heads not chosen and see that nothing is missing.

    Raises:
        UserError: tasks that are no heads, or a value still ``???``.
    """
    tasks, heads, targets = values["tasks"], values["heads"], values["data"].get("targets") or {}
    if isinstance(tasks, list):
        tasks = tasks_named(tasks, heads, targets)
    values = {**values, "tasks": tasks, "heads": chosen_heads(tasks, heads)}
    for key, value in flat(values).items():
        if value == MISSING:
            raise UserError(f"{key} is needed: write {key}=...")
    return values


def chosen_heads(tasks: object, heads: dict[str, Any]) -> dict[str, Any]:
    """The heads of the chosen tasks, in their order.

    Raises:
        UserError: no tasks, one twice, or one that is no head.
    """
    if not isinstance(tasks, list):
        raise UserError(f"tasks={in_words(tasks)}: must be a list: tasks=[{in_words(tasks)}]")
    if not tasks:
        raise UserError(f"tasks=[]: choose at least one of {listing(heads)}")
    for task in tasks:
        if tasks.count(task) > 1:
            raise UserError(f"tasks={in_words(tasks)}: {task} is there twice")
        if task not in heads:
            raise UserError(f"tasks={in_words(tasks)}: {unknown('head', str(task), heads)}")
    return {task: heads[task] for task in tasks}
