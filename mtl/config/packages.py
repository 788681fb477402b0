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
        # A folder of that name in the current one is no package: it has no origin.
        if package is not None and getattr(find_spec(package), "origin", None) is None:
            raise UserError(
                f"logger.{name} needs the package {package}: pip install 'mtl[{package}]'"
            )
