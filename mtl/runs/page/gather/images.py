"""A run's test images, found again through the run's own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf

from mtl.config.trust import Trust, refuse_strangers
from mtl.errors import UserError

if TYPE_CHECKING:
    from mtl.data.preprocess.base import Preprocess
    from mtl.data.sources.base import DataSet

NODES = ("data", "preprocess", "image_size")
"""Of the configuration: what says which image a sample is, and what a network sees of it."""
SIDE = 160
"""Pixels that a picture is wanted to have at least."""
Pixels = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float64]


class RunImages:
    """The test images of a run, which may be a stranger's: only trusted classes are made.

    torch is imported only where an image is no file, or where boxes are placed.

    Args:
        config: the content of the run's config.yaml.
        trust: whom the user trusts.
    """

    def __init__(self, config: Mapping[str, Any], trust: Trust) -> None:
        self.nodes = {name: config[name] for name in NODES if name in config}
        self.trust = trust

    def read(self, sample: str) -> Pixels:
        """One image, (H, W, 3) uint8 RGB.

        Args:
            sample: its id: its file, or what the data set calls it.

        Raises:
            UserError: the data isn't there, or names classes of others.
            BadFile: the file can't be read.
        """
        path = Path(sample)
        if path.is_file() and any(path.resolve().is_relative_to(root) for root in self._roots):
            from mtl.data.image_file import read_image

            return read_image(path, SIDE)[0]
        image = self._data_set.image("test", sample, SIDE)
        if image is None:
            raise UserError(f"{sample} is not in the test split of the run's data")
        return image

    def placed(self, boxes: Shares, image: Pixels) -> Shares:
        """Boxes (k, 4) xyxy from shares of the network's picture to shares of an image."""
        height, width = image.shape[:2]
        frame = self._preprocess.frame(height, width)
        pixels = (boxes * self._preprocess.image_size).astype(np.float32)
        return frame.boxes_to_original(pixels) / np.array([width, height] * 2, np.float64)

    @property
    def _roots(self) -> list[Path]:
        node = self.nodes.get("data", {})
        folders = (value for key, value in node.items() if key.startswith("root"))
        return [Path(folder).resolve() for folder in folders if isinstance(folder, str)]

    @cached_property
    def _config(self) -> DictConfig:
        refuse_strangers(self.nodes, self.trust)
        missing = [name for name in NODES if name not in self.nodes]
        if missing:
            raise UserError(f"the run's config.yaml has no {missing[0]}")
        return OmegaConf.create(self.nodes)

    @cached_property
    def _data_set(self) -> DataSet:
        config = self._config
        if "download" in config.data:
            # A page is made of what is there.
            config.data.download = False
        from mtl.data.data_set import build_data_set

        data_set = build_data_set(config)
        data_set.prepare()
        return data_set

    @cached_property
    def _preprocess(self) -> Preprocess:
        config = self._config
        from mtl.config.instantiate import container, make
        from mtl.data.preprocess.base import Preprocess

        made: Preprocess = make(
            container(config.preprocess), Preprocess, image_size=config.image_size
        )
        return made
