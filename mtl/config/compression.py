"""The steps of ``mtl compress`` and their options, as the command line writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mtl.config.allowed import Chosen
from mtl.config.groups import members
from mtl.config.member_files import node_of
from mtl.config.nearest import listing, unknown
from mtl.config.overrides import key_of
from mtl.config.ranges import check_ranges
from mtl.config.saved import apply_values
from mtl.config.schema import check_keys, fit_types
from mtl.errors import UserError

GROUP = "compression"

Nodes = dict[str, dict[str, Any]]
"""Step to its node: a class and its options."""


def step_nodes(
    steps: Sequence[str], overrides: Sequence[str], config_dir: Path | None = None
) -> tuple[Nodes, list[str]]:
    """The nodes of the chosen steps, in their order.

    Args:
        steps: names of members of ``conf/compression``.
        overrides: ``prune.keep=0.4`` changes an option of a step.
        config_dir: a user's folder of further members.

    Returns:
        The nodes, and the overrides that no step is meant by.

    Raises:
        UserError: there is no such step or option, a step is named twice, or a value is not
            allowed.
    """
    there = members(GROUP, config_dir)
    written = f"steps=[{','.join(steps)}]"
    if not steps:
        raise UserError(f"{written}: name some of {listing(there)}")
    for number, name in enumerate(steps):
        if name not in there:
            raise UserError(f"{written}: {unknown('step', name, there)}")
        if name in steps[:number]:
            raise UserError(f"{written}: {name} is there twice")
    own: dict[str, list[str]] = {name: [] for name in steps}
    others: list[str] = []
    for text in overrides:
        name, dot, _ = key_of(text).partition(".")
        if dot and name in there and name not in own:
            raise UserError(f"{text}: {name} is not among {written}")
        (own[name] if dot and name in own else others).append(text)
    return {name: _node(name, own[name], config_dir) for name in steps}, others


def _node(step: str, overrides: Sequence[str], config_dir: Path | None) -> dict[str, Any]:
    default = {GROUP: {step: node_of(GROUP, step, config_dir)}}
    chosen = Chosen(config_dir, {f"{GROUP}.{step}": step})
    cfg = OmegaConf.create(default)
    try:
        apply_values(cfg, [f"{GROUP}.{text}" for text in overrides])
        values = OmegaConf.to_container(cfg, resolve=True)
        assert isinstance(values, dict)
        plain = {str(key): value for key, value in values.items()}
        check_keys(plain, default)
        fitted = fit_types(plain, default, chosen)
        check_ranges(fitted, chosen)
    except UserError as error:
        # On the command line a step's options begin with its own name.
        raise UserError(str(error).replace(f"{GROUP}.{step}", step)) from error
    node: dict[str, Any] = fitted[GROUP][step]
    return node
