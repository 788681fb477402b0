"""From a node of the configuration to an object."""

import inspect
import pickle
from collections.abc import Mapping
from typing import Any, cast

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from mtl.errors import UserError


def container(config: Any) -> dict[str, Any]:
    """A config node as a plain dict."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def copied(values: dict[str, Any]) -> dict[str, Any]:
    """A copy of plain values, as ``deepcopy`` makes it, some five times as fast."""
    return cast(dict[str, Any], pickle.loads(pickle.dumps(values)))


def without(config: DictConfig, keys: tuple[str, ...]) -> dict[str, Any]:
    """A node as a plain dict, less the keys that the framework reads itself."""
    return {key: value for key, value in container(config).items() if key not in keys}


def located(config: Mapping[str, Any], base: type | tuple[type, ...]) -> Any:
    """What ``_target_`` names, not yet called.

    Args:
        config: a node.
        base: of the node's group, or several: the target is a class of this, or an object of it
            that can be called (a declared function).

    Raises:
        UserError: there is nothing of that name, or it is no such class or object.
    """
    if "_target_" not in config:
        said = f"beside {', '.join(map(str, config))}" if config else "where nothing else is"
        raise UserError(f"_target_ is missing {said}; a member's yaml names its class by it")
    name = config["_target_"]
    try:
        target = get_object(name)
    except (ImportError, AttributeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"_target_={name} can't be loaded: {reason}") from error
    fits = issubclass(target, base) if isinstance(target, type) else isinstance(target, base)
    if not fits:
        kinds = base if isinstance(base, tuple) else (base,)
        wanted = " or ".join(f"{kind.__name__} ({kind.__module__})" for kind in kinds)
        raise UserError(f"_target_={name}: must be a {wanted}")
    return target


def make(config: Mapping[str, Any], base: type | tuple[type, ...], **more: Any) -> Any:
    """Call what ``_target_`` names with the other keys.

    Hydra's own ``instantiate`` would turn dataclasses among the arguments into configs.

    Args:
        config: a node.
        base: see ``located``.
        more: further arguments.

    Raises:
        UserError: there is nothing of that name, it is of another kind, or it doesn't take those
            arguments.
    """
    target, name = located(config, base), config["_target_"]
    arguments = {key: value for key, value in config.items() if key != "_target_"} | more
    try:
        inspect.signature(target).bind(**arguments)
    except TypeError as error:
        raise UserError(f"{name} and its yaml differ: {error}") from error
    return target(**arguments)
