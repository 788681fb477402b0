"""Packages that only some members need."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from mtl.errors import UserError

NEEDED = {
    "mtl.learning.logger.wandb.RunWandb": "wandb",
    "mtl.learning.logger.mlflow.RunMlflow": "mlflow",
}
"""Class to package, which the extra of the same name installs."""


def check_packages(loggers: Mapping[str, Any]) -> None:
    """See that the chosen loggers can be imported; nothing is.

    Args:
        loggers: their nodes by name.

    Raises:
        UserError: names the package and what installs it.
    """
    for name, node in loggers.items():
        package = NEEDED.get(str(node.get("_target_")))
        if package is not None:
            need_package(f"logger.{name}", package)


def need_package(what: str, package: str) -> None:
    """See that a package can be imported; it isn't.

    Args:
        what: needs it.
        package: the extra that installs it is called the same.

    Raises:
        UserError: names the package and what installs it.
    """
    # A folder of that name in the current one is no package: it has no origin.
    if getattr(find_spec(package), "origin", None) is None:
        raise UserError(f"{what} needs the package {package}: pip install 'mtl[{package}]'")
