"""Deterministic steps between a decoded image and the network, and the way back."""

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from mtl.data.preprocess.identity import named
from mtl.data.preprocess.in_graph import ResizeInGraph
from mtl.data.sample import Sample


@dataclass(frozen=True)
class Frame:
    """Where the network's picture lies in the original image.

    A point of the original is at ``(x * scale_x + offset_x, y * scale_y + offset_y)`` in the
    network's picture, all in pixels.

    Args:
        width: of the original, pixels.
        height: of the original, pixels.
        scale_x: factor from original to network pixels.
        scale_y: likewise.
        offset_x: network pixels left of the original's content (letterbox).
        offset_y: network pixels above it.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float
    offset_x: float = 0.0
    offset_y: float = 0.0

    def at_size(self, width: int, height: int) -> "Frame":
        """The same place in the same image at another resolution.

        Args:
            width: of the image, pixels.
            height: of the image, pixels.
        """
        scale_x = self.scale_x * self.width / width
        scale_y = self.scale_y * self.height / height
        return replace(self, width=width, height=height, scale_x=scale_x, scale_y=scale_y)

    def within(self, side: int) -> tuple[float, float, float, float] | None:
        """x1, y1, x2, y2 of the part of the picture that shows the image; None for all of it.

        Args:
            side: of the picture, pixels.
        """
        left, top = self.offset_x, self.offset_y
        right, bottom = left + self.width * self.scale_x, top + self.height * self.scale_y
        part = (left, top, right, bottom)
        return None if np.allclose(part, (0, 0, side, side), rtol=1e-9) else part

    def boxes_to_original(self, xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(..., 4) boxes in the network's picture to boxes in the original, clipped to it."""
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        offset = np.array([self.offset_x, self.offset_y] * 2, np.float32)
        limit = np.array([self.width, self.height] * 2, np.float32)
        moved: npt.NDArray[np.float32] = np.clip((xyxy - offset) / scale, 0, limit)
        return moved.astype(np.float32)

    def points_to_original(self, xy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(..., 2) points in the network's picture to points in the original, clipped to it."""
        return self.boxes_to_original(np.concatenate([xy, xy], -1))[..., :2]

    def points_to_picture(self, xy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(..., 2) points in the original to points in the network's picture."""
        return self.boxes_to_picture(np.concatenate([xy, xy], -1))[..., :2]

    def boxes_to_picture(self, xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(..., 4) boxes in the original to boxes in the network's picture."""
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        offset = np.array([self.offset_x, self.offset_y] * 2, np.float32)
        moved: npt.NDArray[np.float32] = xyxy * scale + offset
        return moved.astype(np.float32)


class Preprocess(ABC):
    """What ``preprocess=`` chooses.

    The cache tells two by what they were made with, by their classes, and by the ``version`` of
    each class: raise it when the code changes so that other pixels come out.

    Args:
        image_size: side in pixels of the square picture that the network gets.
        mean: of the pixel values per channel, in 0..1, subtracted on the device.
        std: per channel, in 0..1, divided by on the device.
    """

    version: ClassVar[int] = 1
    declared: Mapping[str, object]
    """The arguments that it was made with, defaults included."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the arguments; wrong ones are ``__init__``'s to refuse, and a copy has none."""
        made = super().__new__(cls)
        with suppress(TypeError):
            bound = inspect.signature(cls.__init__).bind(made, *args, **kwargs)
            bound.apply_defaults()
            made.declared = dict(list(bound.arguments.items())[1:])
        return made

    def __init__(self, image_size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.image_size = image_size
        self.mean = tuple(mean)
        self.std = tuple(std)

    @abstractmethod
    def __call__(self, sample: Sample) -> tuple[Sample, Frame]:
        """Bring a sample to (image_size, image_size), its targets with it.

        ``sample.with_targets(lambda kind, value: kind.resized(value, frame, image_size))`` does
        that for every kind of target.

        The image stays uint8: normalisation comes later, on whole batches, from ``mean`` and
        ``std``.
        """

    def frame(self, height: int, width: int) -> Frame:
        """Where the picture lies in an image of that size; here found out by preprocessing one."""
        return self(Sample(np.zeros((height, width, 3), np.uint8), ""))[1]

    def in_graph(self) -> ResizeInGraph | None:
        """The same steps as a part of a graph that takes images as they are; here there is none."""
        return None

    @property
    def described(self) -> str:
        """The class and its settings, for people."""
        settings = {n: v for n, v in self.declared.items() if n not in ("mean", "std")}
        return " ".join([type(self).__name__, *(f"{n}={v!s:.40}" for n, v in settings.items())])

    def key(self) -> str:
        """A text that differs whenever the pixels that come out would differ (for the cache).

        Raises:
            UserError: a setting is of a kind that has no such text.
        """
        settings = {
            name: named(value, f"preprocess.{name}")
            for name, value in self.declared.items()
            if name not in ("mean", "std")
        }
        classes = [
            [c.__module__, c.__qualname__, c.version]
            for c in type(self).__mro__
            if issubclass(c, Preprocess) and (c is type(self) or "version" in vars(c))
        ]
        return json.dumps([classes, settings], sort_keys=True)
