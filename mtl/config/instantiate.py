"""From a node of the configuration to an object."""

import inspect
from collections.abc import Mapping
from typing import Any, cast

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from mtl.errors import UserError


def container(config: Any) -> dict[str, Any]:
    """A config node as a plain dict."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def without(config: DictConfig, keys: tuple[str, ...]) -> dict[str, Any]:
    """A node as a plain dict, less the keys that the framework reads itself."""
    return {key: value for key, value in container(config).items() if key not in keys}


def make(config: Mapping[str, Any], **more: Any) -> Any:
    """Call what ``_target_`` names with the other keys.

    Hydra's own ``instantiate`` would turn dataclasses among the arguments into configs.

    Raises:
        UserError: there is nothing of that name, or it doesn't take those arguments.
    """
    name = config["_target_"]
    try:
        target = get_object(name)
    except (ImportError, AttributeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"_target_={name} can't be loaded: {reason}") from error
    arguments = {key: value for key, value in config.items() if key != "_target_"} | more
    try:
        inspect.signature(target).bind(**arguments)
    except TypeError as error:
        raise UserError(f"{name} and its yaml differ: {error}") from error
    return target(**arguments)
