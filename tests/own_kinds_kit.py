"""Kinds of a user's own, each one small class, and a data set and heads that use them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import mtl

SIDE = 16


class Depth(mtl.PixelMap):
    """Metres (H, W) float32, by the nearest pixel."""


class Smooth(mtl.PixelMap):
    """Metres (H, W) float32 that change smoothly."""

    interpolation = "bilinear"


class Flow(mtl.VectorMap):
    """Optical flow (H, W, 2) float32, pixels: turns and is scaled with the picture."""


class Numbers(mtl.TargetKind):
    """A vector of named numbers (K,) float32."""


MEANING = {
    "depth": mtl.Target(Depth),
    "smooth": mtl.Target(Smooth),
    "numbers": mtl.Target(Numbers, ("wind", "rain")),
}


def image(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def values(index: int) -> dict[str, Any]:
    """Every third sample lacks each target; a known sample has unknown entries too."""
    depth = np.random.default_rng(index).uniform(0.1, 9, (SIDE, SIDE)).astype(np.float32)
    depth[0, 1] = 3.7
    depth[2, 3] = np.nan
    numbers = np.array([index + 0.1, np.nan if index % 2 else -7.25], np.float32)
    return {} if index % 3 == 2 else {"depth": depth, "smooth": depth, "numbers": numbers}


class Weather(mtl.DataSet):
    """In memory, or sample by sample with empty files to stand for them."""

    def __init__(self, *, image_size: int, in_memory: bool = True, root: str = ".") -> None:
        self.in_memory = in_memory
        self.root = Path(root)

    @property
    def targets(self) -> Mapping[str, mtl.Target]:
        return MEANING

    def split(self, split: str) -> mtl.Source:
        if not self.in_memory:
            return WeatherFiles(self.root)
        rows = [values(index) for index in range(6)]
        columns = {
            name: target.kind.column([row.get(name) for row in rows])
            for name, target in MEANING.items()
        }
        images = np.stack([image(index) for index in range(6)])
        return mtl.ArraySource(images, [str(index) for index in range(6)], columns, MEANING)


class WeatherFiles(mtl.FileSource):
    def __init__(self, root: Path) -> None:
        self.root = root

    def __len__(self) -> int:
        return 6

    def id(self, index: int) -> str:
        return str(index)

    def read(self, index: int, size: int | None = None) -> mtl.Sample:
        return mtl.Sample(image(index), str(index), values(index))

    def files(self, index: int) -> list[Path]:
        return [self.root / str(index)]

    def key(self) -> str:
        return "weather"


class Errors(mtl.HeadMetrics):
    """The mean absolute error over what is known."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def update(self, prediction: Tensor, labels: mtl.Labelled) -> None:
        error = (prediction - labels.value).abs()
        self.found += error[~error.isnan()].tolist()

    def compute(self) -> dict[str, Tensor]:
        if not self.found:
            return {}
        mae = torch.tensor(self.found).mean()
        return {"closeness": 1 / (1 + mae), "mae": mae}

    def reset(self) -> None:
        self.found: list[float] = []


class Constant(mtl.Head):
    """Says the same of every sample, and learns what: a trivial head of either kind."""

    def __init__(
        self,
        *,
        target: mtl.Target,
        stages: Sequence[mtl.Stage],
        image_size: int,
        metrics: Sequence[str] = ("closeness", "mae"),
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        place = (image_size, image_size) if target.kind.placed else (len(target.classes),)
        self.answer = nn.Parameter(torch.zeros(place))

    def forward(self, features: mtl.Features) -> Tensor:
        maps = next(iter(features.values()))
        return self.answer + 0 * maps.mean((1, 2, 3)).view(-1, *(1,) * self.answer.dim())

    def loss(self, raw: Tensor, labels: mtl.Labelled) -> Tensor:
        assert isinstance(labels.value, Tensor)
        assert labels.value.dtype == torch.float32
        known = ~labels.value.isnan()
        return (raw[known] - labels.value[known]).abs().mean()

    def predict(self, raw: Tensor) -> Tensor:
        return raw

    def make_metrics(self) -> mtl.HeadMetrics:
        return Errors()

    def unbatch(self, prediction: Tensor) -> list[Any]:
        return list(prediction.cpu().numpy())

    def record(self, prediction: Any) -> Mapping[str, Any]:
        if self.target.kind.placed:
            return {"map": prediction}
        return dict(zip(self.target.classes, prediction.tolist(), strict=True))


DATA = """\
# Weather.
defaults: [_common, _self_]
_target_: own_kinds_kit.Weather
targets: {depth: own_kinds_kit.Depth, smooth: own_kinds_kit.Smooth, numbers: own_kinds_kit.Numbers}
suggested: {name: weather, tasks: [metres, numbers], image_size: 16}
in_memory: true
root: .
"""
HEAD = """\
# A constant.
_target_: own_kinds_kit.Constant
kind: own_kinds_kit.{kind}
target: null
weight: 1.0
metrics: [closeness, mae]
larger_is_better:
  closeness: [0, 1]
smaller_is_better:
  mae: [0, null]
"""


def write_conf(folder: Path) -> Path:
    """``data=weather`` with the heads ``metres`` and ``numbers``."""
    for name, content in {
        "data/weather.yaml": DATA,
        "head/metres.yaml": HEAD.format(kind="Depth"),
        "head/numbers.yaml": HEAD.format(kind="Numbers"),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder
