"""The network as it is now in an ONNX file, as ``mtl export`` writes it."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from mtl.data.preprocess.base import Preprocess
from mtl.files import write_all

if TYPE_CHECKING:
    from mtl.model.network import Network


def write_onnx(network: "Network", preprocess: Preprocess, cfg: DictConfig, path: Path) -> Path:
    """Write the file; pictures of the network's size go in, normalised.

    Args:
        network: left as it is; on the CPU, in evaluation mode.
        preprocess: the steps before it, which the file describes.
        cfg: its configuration.
        path: of the file.

    Returns:
        The path.

    Raises:
        RunError: this network can't be exported.
    """
    from mtl.runs.export.export import Wanted, untested

    _, _, contents = untested(copy.deepcopy(network), preprocess, cfg, Wanted("onnx", path))
    write_all(contents)
    return path
