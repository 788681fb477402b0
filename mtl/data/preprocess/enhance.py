"""Bringing out local contrast."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it calls the network

import albumentations as A
import numpy as np
import numpy.typing as npt

from mtl.data.preprocess.standard import Fit, Standard
from mtl.errors import UserError


class Enhance(Standard):
    """Contrast-limited adaptive histogram equalisation and sharpening, then ``Standard``.

    CLAHE is after Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", 1994.

    Args:
        image_size: see ``Preprocess``.
        mean: see ``Preprocess``.
        std: see ``Preprocess``.
        fit: see ``Standard``.
        clip_limit: of CLAHE, at least 1; higher gives more contrast and more noise.
        sharpen: share of the sharpened image in the result, 0..1.

    Raises:
        UserError: a value out of its range.
    """

    def __init__(
        self,
        image_size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        fit: Fit = "stretch",
        *,
        clip_limit: float = 2.0,
        sharpen: float = 0.3,
    ) -> None:
        super().__init__(image_size, mean, std, fit)
        if clip_limit < 1:
            raise UserError(f"preprocess.clip_limit={clip_limit}: allowed is 1 and above")
        if not 0 <= sharpen <= 1:
            raise UserError(f"preprocess.sharpen={sharpen}: allowed is 0 to 1")
        self.steps = [A.CLAHE(clip_limit=(clip_limit, clip_limit), p=1)]
        if sharpen:
            self.steps.append(A.Sharpen(alpha=(sharpen, sharpen), lightness=(1, 1), p=1))

    def filter(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Contrast and edges brought out; same shape and type.

        Raises:
            UserError: the image has other channels or values than CLAHE knows.
        """
        if image.shape[2] != 3 or image.dtype != np.uint8:
            raise UserError(
                "preprocess=enhance takes colours of 8 bits, and data.channels or "
                "data.pixel_range say that images are others; choose preprocess=standard"
            )
        for step in self.steps:
            image = step(image=image)["image"]
        return image
