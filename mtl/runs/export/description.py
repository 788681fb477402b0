"""What an exported file says of itself: plain values, in the file and in a JSON file beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig
from torch import Tensor

from mtl import __version__
from mtl.config.instantiate import container
from mtl.data.preprocess.base import Preprocess
from mtl.errors import BadFile
from mtl.runs.export.graph import Graph

KEY = "mtl_export"
"""Of the description in a file's own metadata, and of the version in the description."""
VERSION = 1
"""Raised when a file means something else than before."""


def describe(
    graph: Graph,
    example: Mapping[str, Tensor],
    cfg: DictConfig,
    preprocess: Preprocess,
    form: str,
    any_size: bool,
) -> dict[str, Any]:
    """All that somebody needs who has nothing but the file.

    Args:
        graph: that is exported.
        example: its outputs for two images.
        cfg: the run's configuration.
        preprocess: the steps before the network.
        form: name of the format.
        any_size: whether pictures of any size go in.
    """
    return {
        KEY: VERSION,
        "mtl": __version__,
        "format": form,
        "run": str(cfg.name),
        "image_size": graph.image_size,
        "input": _input(graph, any_size),
        "preprocess": {
            "in_graph": graph.resize is not None,
            "steps": preprocess.described,
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
            "config": container(cfg.preprocess),
        },
        "tasks": {task: _task(graph, task, example, cfg) for task in graph.tasks},
    }


def _input(graph: Graph, any_size: bool) -> dict[str, Any]:
    size = graph.image_size
    if graph.resize is not None:
        return {
            "name": "image",
            "type": "uint8",
            "axes": ["image", "row", "column", "colour"],
            "shape": ["batch", "height", "width", 3],
            "colours": graph.colours,
            "meaning": "images of one size as they are decoded, upright",
        }
    sides = ["height", "width"] if any_size else [size, size]
    return {
        "name": "image",
        "type": "float32",
        "axes": ["image", "colour", "row", "column"],
        "shape": ["batch", 3, *sides],
        "colours": "rgb",
        "meaning": "pictures after the steps of preprocess: (pixel / 255 - mean) / std",
    }


def _task(
    graph: Graph, task: str, example: Mapping[str, Tensor], cfg: DictConfig
) -> dict[str, Any]:
    head = graph.network.head(task)
    outputs = {}
    for name, output in head.exports.items():
        tensor = example[f"{task}.{name}"]
        outputs[f"{task}.{name}"] = {
            "type": str(tensor.dtype).removeprefix("torch."),
            "axes": ["image", *output.axes],
            "meaning": output.meaning,
        }
    return {
        "kind": head.target.kind.name,
        "classes": list(head.target.classes),
        "thresholds": dict(head.thresholds),
        "temperature": head.calibration.temperature,
        "class_thresholds": list(head.class_thresholds),
        "outputs": outputs,
        "config": container(cfg.heads[task]),
    }


def text_of(description: Mapping[str, Any]) -> str:
    """As it is written."""
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"


def understood(text: str | bytes, path: Path) -> dict[str, Any]:
    """A description that somebody wrote into a file.

    Raises:
        BadFile: it is none, or of another version.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(path, f"its description can't be read ({error})") from error
    version = found.get(KEY) if isinstance(found, dict) else None
    if not isinstance(version, int) or not isinstance(found.get("tasks"), dict):
        raise BadFile(path, "is no file that mtl export wrote")
    if version != VERSION:
        raise BadFile(
            path,
            f"was written as version {version} of the format (mtl {found.get('mtl')}), and this "
            f"mtl reads version {VERSION}: export the run again",
        )
    return cast(dict[str, Any], found)
