"""From what networks see to what people see."""

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

LEAST_SIDE = 320
"""Of pictures that people look at, in pixels: captions must be readable."""


def to_pixels(
    image: Tensor, mean: tuple[float, ...], std: tuple[float, ...], least_side: int
) -> list[npt.NDArray[np.uint8]]:
    """Normalised images as pictures, enlarged by a whole factor.

    Args:
        image: (n, 3, S, S) float, normalised.
        mean: that was subtracted, per channel, in 0..1.
        std: that was divided by, per channel, in 0..1.
        least_side: of a picture, in pixels.

    Returns:
        n pictures (S * factor, S * factor, 3) uint8 RGB.
    """
    side = image.shape[-1]
    larger = side * max(1, -(-least_side // side))
    scale = torch.tensor(std, device=image.device).view(1, 3, 1, 1)
    offset = torch.tensor(mean, device=image.device).view(1, 3, 1, 1)
    plain = ((image.float() * scale + offset).clamp(0, 1) * 255).round().to(torch.uint8)
    return [
        np.asarray(cv2.resize(p, (larger, larger), interpolation=cv2.INTER_CUBIC), np.uint8)
        for p in plain.permute(0, 2, 3, 1).cpu().numpy()
    ]
