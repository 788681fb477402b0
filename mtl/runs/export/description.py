"""What an exported file says of itself: plain values, in the file and in a JSON file beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from mtl import __version__
from mtl.config.instantiate import container
from mtl.data.image_format import format_of
from mtl.data.preprocess.base import Preprocess
from mtl.runs.export.graph import Graph
from mtl.runs.export.understood import KEY, VERSION


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
        "input": goes_in(graph, any_size),
        "images": asdict(format_of(cfg.data)),
        "preprocess": {
            "in_graph": graph.resize is not None,
            "steps": preprocess.described,
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
            "config": container(cfg.preprocess),
        },
        "tasks": {task: _task(graph, task, example, cfg) for task in graph.tasks},
    }


def goes_in(graph: Graph, any_size: bool) -> dict[str, Any]:
    """Of the description what is said of images.

    Args:
        graph: that is exported.
        any_size: see ``describe``.
    """
    size, channels = graph.image_size, graph.network.image_channels
    if graph.resize is not None:
        return {
            "name": "image",
            "type": "uint8",
            "axes": ["image", "row", "column", "colour"],
            "shape": ["batch", "height", "width", channels],
            "colours": graph.colours,
            "meaning": "images of one size as they are decoded, upright",
        }
    sides = ["height", "width"] if any_size else [size, size]
    return {
        "name": "image",
        "type": "float32",
        "axes": ["image", "colour", "row", "column"],
        "shape": ["batch", channels, *sides],
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
        **head.target.plain,
        "thresholds": dict(head.thresholds),
        "temperature": head.calibration.temperature,
        "class_thresholds": list(head.class_thresholds),
        "outputs": outputs,
        "stages": [asdict(stage) for stage in head.stages],
        "config": container(cfg.heads[task]),
    }


def text_of(description: Mapping[str, Any]) -> str:
    """As it is written."""
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"
