"""Removing noise."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network

import albumentations as A
import numpy as np
import numpy.typing as npt

from mtl.data.preprocess.standard import Fit, Standard
from mtl.errors import UserError


class Denoise(Standard):
    """A median filter, then ``Standard``.

    Args:
        image_size: see ``Preprocess``.
        mean: see ``Preprocess``.
        std: see ``Preprocess``.
        fit: see ``Standard``.
        kernel: side of the filter in pixels of the image as read, odd, at least 3.

    Raises:
        UserError: an even or too small kernel.
    """

    def __init__(
        self,
        image_size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        fit: Fit = "stretch",
        *,
        kernel: int = 3,
    ) -> None:
        super().__init__(image_size, mean, std, fit)
        if kernel < 3 or kernel % 2 == 0:
            raise UserError(f"preprocess.kernel={kernel}: allowed are odd numbers from 3")
        self.median = A.MedianBlur(blur_limit=(kernel, kernel), p=1)

    def filter(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The median of each pixel's surroundings, per channel.

        Raises:
            UserError: the image is of more than 8 bits.
        """
        if image.dtype != np.uint8:
            raise UserError(
                "preprocess=denoise takes images of 8 bits, and data.pixel_range says that they "
                "have more; choose preprocess=standard"
            )
        filtered: npt.NDArray[np.uint8] = self.median(image=image)["image"]
        return filtered
