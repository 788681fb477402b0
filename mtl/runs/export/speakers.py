"""Heads and preprocessing as an exported file describes them, without a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mtl.config.allowed import Chosen
from mtl.config.instantiate import make
from mtl.config.ranges import check_ranges
from mtl.config.trust import Trust, refuse_resolvers, refuse_strangers
from mtl.data.image_format import USUAL, ImageFormat
from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Target
from mtl.errors import BadFile
from mtl.model.backbone.base import Stage
from mtl.model.build import HEAD_FRAMEWORK_KEYS
from mtl.model.calibration.values import COLDEST, HOTTEST, TaskCalibration
from mtl.model.head.base import Head
from mtl.runs.export.read import Exported

MOST_SIDE = 2**14
"""Of the network's picture, pixels."""
MOST_CHANNELS = 2**10


@dataclass(frozen=True)
class Speakers:
    """What turns images into what goes in, and what comes out into words and pictures.

    Args:
        heads: task to head; they can tell of decisions, and have no weights to make any.
        preprocess: the steps before the network.
        images: what goes into these.
    """

    heads: Mapping[str, Head]
    preprocess: Preprocess
    images: ImageFormat = USUAL


def speakers_of(exported: Exported, trust: Trust) -> Speakers:
    """The heads and the steps that an exported file was made with.

    Args:
        exported: perhaps a stranger's.
        trust: whose classes it may name.

    Raises:
        UserError: it names a class of others, or a value out of its range.
        BadFile: its description lacks something.
    """
    about = exported.description
    try:
        tasks = about["tasks"]
        values = {
            "image_size": about["image_size"],
            "preprocess": about["preprocess"]["config"],
            "heads": {
                name: task["config"] | {"kind": task["kind"]} for name, task in tasks.items()
            },
        }
        _refuse_foreign(values, exported.path, trust)
        size = values["image_size"]
        if size > MOST_SIDE:
            raise ValueError(f"image_size={size}")
        preprocess = make(values["preprocess"], Preprocess, image_size=size)
        heads = {name: _head(task, size) for name, task in tasks.items()}
        return Speakers(heads, preprocess, _images(about))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadFile(
            exported.path, f"its description isn't one of mtl export's ({error!r})"
        ) from error


def _refuse_foreign(values: Mapping[str, Any], path: Path, trust: Trust) -> None:
    refuse_resolvers(values, path)
    refuse_strangers(values, trust)
    check_ranges(values, Chosen(trust.folder))


def _images(about: Mapping[str, Any]) -> ImageFormat:
    """Files of older versions don't say; their images are as usual."""
    said = about.get("images", {"channels": 3, "span": None})
    channels, span = int(said["channels"]), said["span"]
    if not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(f"channels={channels}")
    return ImageFormat(channels, None if span is None else (float(span[0]), float(span[1])))


def _head(task: Mapping[str, Any], image_size: int) -> Head:
    config = {k: v for k, v in task["config"].items() if k not in HEAD_FRAMEWORK_KEYS}
    # Without memory: nothing is computed by it.
    with torch.device("meta"):
        head: Head = make(
            config,
            Head,
            target=Target.of_plain(task),
            stages=[Stage(**stage) for stage in task["stages"]],
            image_size=image_size,
        )
    head.calibration = _calibration(task)
    return head.eval()


def _calibration(task: Mapping[str, Any]) -> TaskCalibration:
    temperature = float(task["temperature"])
    if not COLDEST <= temperature <= HOTTEST:
        raise ValueError(f"temperature={temperature}")
    # There are none where no score decides.
    thresholds = zip(task["classes"], task["class_thresholds"], strict=False)
    return TaskCalibration(temperature, {name: float(value) for name, value in thresholds})
