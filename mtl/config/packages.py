"""Packages that only some members need."""

from importlib.util import find_spec

from omegaconf import DictConfig

from mtl.errors import UserError

NEEDED = {
    "mtl.learning.logger.wandb.RunWandb": "wandb",
    "mtl.learning.logger.mlflow.RunMlflow": "mlflow",
}
"""Class to package, which the extra of the same name installs."""


def check_packages(cfg: DictConfig) -> None:
    """See that the chosen loggers can be imported; nothing is.

    Raises:
        UserError: names the package and what installs it.
    """
    for name, node in cfg.logger.items():
        package = NEEDED.get(str(node.get("_target_")))
        # A folder of that name in the current one is no package: it has no origin.
        if package is not None and getattr(find_spec(package), "origin", None) is None:
            raise UserError(
                f"logger.{name} needs the package {package}: pip install 'mtl[{package}]'"
            )
