"""What can be derived from a colour picture, pixel values in 0..1."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

TINY = 1e-6
WINDOW = 9
"""Side in pixels of what ``contrast`` calls local."""


def gray(rgb: Tensor) -> Tensor:
    """Brightness (ITU-R BT.601): (B, 3, H, W) to (B, 1, H, W)."""
    red, green, blue = rgb.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def edges(rgb: Tensor) -> Tensor:
    """Steepness of the brightness (Sobel), 1 at a straight edge between black and white.

    (B, 3, H, W) to (B, 1, H, W). The picture's own border is no edge.
    """
    padded = F.pad(gray(rgb), (1, 1, 1, 1), mode="replicate")
    across = padded[..., 2:] - padded[..., :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    x = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    y = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    # A flat place has no slope of a root at 0.
    return (x.square() + y.square() + TINY**2).sqrt() / 4


def hsv(rgb: Tensor) -> Tensor:
    """Hue (in turns, red is 0), saturation and value in 0..1 (Smith, 1978), (B, 3, H, W)."""
    red, green, blue = rgb.unbind(1)
    value, low = rgb.amax(1), rgb.amin(1)
    spread = value - low
    gray_too = spread.clamp(min=TINY)
    from_red = ((green - blue) / gray_too).remainder(6)
    from_green = (blue - red) / gray_too + 2
    from_blue = (red - green) / gray_too + 4
    sector = torch.where(value == green, from_green, from_blue)
    sector = torch.where(value == red, from_red, sector)
    hue = torch.where(spread > TINY, sector / 6, 0)
    return torch.stack([hue, spread / value.clamp(min=TINY), value], 1)


def contrast(rgb: Tensor) -> Tensor:
    """Brightness less its local mean, in local standard deviations, (B, 3, H, W) to (B, 1, H, W).

    0.5 where it is the mean, 0 and 1 at three standard deviations; even lighting drops out
    (divisive normalisation, Jarrett et al., 2009).
    """
    light = gray(rgb)
    mean = _local_mean(light)
    variance = _local_mean((light - mean).square())
    return 0.5 + (light - mean) / (6 * (variance + 1e-4).sqrt())


def _local_mean(light: Tensor) -> Tensor:
    return F.avg_pool2d(light, WINDOW, 1, WINDOW // 2, count_include_pad=False)


DERIVED: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "gray": (1, gray),
    "edges": (1, edges),
    "hsv": (3, hsv),
    "contrast": (1, contrast),
}
"""Name to number of channels and function."""
