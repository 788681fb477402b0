"""Resizing, with boxes and masks."""

from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.preprocess.base import Frame, Preprocess
from mtl.data.sample import IGNORE_PIXEL, Boxes, Sample
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
            grey, masks with the ignore value.

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

    def _resize(self, sample: Sample, pixels: npt.NDArray[np.uint8], frame: Frame) -> Sample:
        # Bilinear looks at two pixels each way; below half size that would leave pixels out.
        much_smaller = min(frame.scale_x, frame.scale_y) < 0.5
        method = cv2.INTER_AREA if much_smaller else cv2.INTER_LINEAR
        targets = dict(sample.targets)
        for name, value in sample.targets.items():
            if isinstance(value, Boxes):
                scale = np.array([frame.scale_x, frame.scale_y] * 2)
                offset = np.array([frame.offset_x, frame.offset_y] * 2)
                xyxy = (value.xyxy * scale + offset).astype(np.float32)
                targets[name] = replace(value, xyxy=xyxy, within=self._within(frame))
            elif isinstance(value, np.ndarray) and value.ndim == 2:
                mask = value.astype(np.uint8, copy=False)
                targets[name] = self._fit(mask, frame, cv2.INTER_NEAREST_EXACT, IGNORE_PIXEL)
        return replace(sample, image=self._fit(pixels, frame, method, PAD_GREY), targets=targets)

    def _within(self, frame: Frame) -> tuple[float, float, float, float] | None:
        """The part of the picture that shows the image; None for all of it."""
        if self.fit == "stretch":
            return None
        left, top = frame.offset_x, frame.offset_y
        right, bottom = left + frame.width * frame.scale_x, top + frame.height * frame.scale_y
        return left, top, right, bottom

    def _fit(
        self, picture: npt.NDArray[np.uint8], frame: Frame, method: int, pad: int
    ) -> npt.NDArray[np.uint8]:
        width, height = round(frame.width * frame.scale_x), round(frame.height * frame.scale_y)
        resized = cv2.resize(picture, (width, height), interpolation=method)
        if self.fit == "stretch":
            return resized.astype(np.uint8, copy=False)
        fitted = np.full((self.image_size, self.image_size, *picture.shape[2:]), pad, np.uint8)
        left, top = int(frame.offset_x), int(frame.offset_y)
        fitted[top : top + height, left : left + width] = resized
        return fitted
