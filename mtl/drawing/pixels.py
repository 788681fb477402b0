"""From what networks see to what people see."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.drawing.enlarge import enlarged
from mtl.drawing.three import in_three

LEAST_SIDE = 320
"""Of pictures that people look at, in pixels: captions must be readable."""


def to_pixels(
    image: Tensor, mean: tuple[float, ...], std: tuple[float, ...], least_side: int
) -> list[npt.NDArray[np.uint8]]:
    """Normalised images as pictures, each pixel a square.

    Smoothly enlarged they would take ten times the bytes.

    Args:
        image: (n, C, S, S) float, normalised.
        mean: that was subtracted, per channel, in 0..1.
        std: that was divided by, per channel, in 0..1.
        least_side: of a picture, in pixels.

    Returns:
        n pictures (S * factor, S * factor, 3) uint8 RGB.
    """
    side = image.shape[-1]
    factor = max(1, -(-least_side // side))
    scale = torch.tensor(std, device=image.device).view(1, -1, 1, 1)
    offset = torch.tensor(mean, device=image.device).view(1, -1, 1, 1)
    plain = ((image.float() * scale + offset).clamp(0, 1) * 255).round().to(torch.uint8)
    pictures = plain.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [enlarged(in_three(picture), factor) for picture in pictures]
