"""Resizing, with all targets."""

from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.preprocess.fit import into_picture
from mtl.data.preprocess.in_graph import ResizeInGraph
from mtl.data.sample import Sample
from mtl.errors import UserError

Fit = Literal["stretch", "letterbox"]
PAD_GREY = 114
"""Grey value around a letterboxed picture, near the mean of photographs."""


class Standard(Preprocess):
    """Resize to the network's square picture.

    Args:
        image_size: see ``Preprocess``.
        mean: see ``Preprocess``.
        std: see ``Preprocess``.
        fit: ``stretch`` both sides to the square, or ``letterbox``: keep the aspect and pad with
            grey, targets with what is unknown.

    Raises:
        UserError: another ``fit``.
    """

    def __init__(
        self,
        image_size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        fit: Fit = "stretch",
    ) -> None:
        super().__init__(image_size, mean, std)
        if fit not in get_args(Fit):
            raise UserError(f"preprocess.fit={fit}: choose one of {', '.join(get_args(Fit))}")
        self.fit = fit

    def __call__(self, sample: Sample) -> tuple[Sample, Frame]:
        """Resize; a sample of the right size whose pixels need no work is handed back as it is.

        Args:
            sample: image (H, W, 3) uint8 of any size.
        """
        pixels = self.filter(sample.image)
        frame = self.frame(*pixels.shape[:2])
        if pixels.shape[:2] != (self.image_size, self.image_size):
            return self._resize(sample, pixels, frame), frame
        return sample if pixels is sample.image else replace(sample, image=pixels), frame

    def filter(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The step on the pixels before resizing, (H, W, 3) uint8 to the same; here none."""
        return image

    def frame(self, height: int, width: int) -> Frame:
        """Where the picture lies in an image of that size."""
        size = self.image_size
        if self.fit == "stretch":
            return Frame(width, height, size / width, size / height)
        longest = max(width, height)
        new_width = max(1, round(width * size / longest))
        new_height = max(1, round(height * size / longest))
        return Frame(
            width,
            height,
            new_width / width,
            new_height / height,
            float((size - new_width) // 2),
            float((size - new_height) // 2),
        )

    def in_graph(self) -> ResizeInGraph | None:
        """The resizing; None where a subclass does more, or something else."""
        steps = ("__call__", "filter", "frame", "_resize")
        if any(getattr(type(self), step) is not getattr(Standard, step) for step in steps):
            return None
        return ResizeInGraph(self.image_size, self.fit, PAD_GREY)

    def _resize(self, sample: Sample, pixels: npt.NDArray[np.uint8], frame: Frame) -> Sample:
        # Bilinear looks at two pixels each way; below half size that would leave pixels out.
        much_smaller = min(frame.scale_x, frame.scale_y) < 0.5
        method = cv2.INTER_AREA if much_smaller else cv2.INTER_LINEAR
        image = into_picture(pixels, frame, self.image_size, method, PAD_GREY)
        resized = sample.with_targets(
            lambda kind, value: kind.resized(value, frame, self.image_size)
        )
        return replace(resized, image=image)
