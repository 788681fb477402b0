"""Pixel values as the backbone expects them, on whole batches."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.data.batch import is_grey


class Normalise(nn.Module):
    """Subtract the mean and divide by the standard deviation.

    Args:
        mean: per channel, of pixel values in 0..1.
        std: per channel, likewise.
    """

    scale: Tensor
    bias: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        deviation = torch.tensor(list(std), dtype=torch.float64)
        bias = -torch.tensor(list(mean), dtype=torch.float64) / deviation
        scale = 1 / (255 * deviation)
        # Not persistent: they come from the configuration, and a checkpoint holds what was learnt.
        self.register_buffer("scale", scale.float(), persistent=False)
        self.register_buffer("bias", bias.float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise a batch.

        Args:
            image: (B, 3, H, W) uint8, or float in 0..255.

        Returns:
            (B, 3, H, W) float32 in channels_last memory format.
        """
        if is_grey(image):
            plane = image[:, 0, :, :, None].to(torch.float32)
            return (plane * self.scale).add_(self.bias).permute(0, 3, 1, 2)
        batch, channels, height, width = image.shape
        # Whole rows of interleaved colours at once: one row of factors fits them all.
        rows = image.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
        rows = rows.to(torch.float32, copy=True)
        rows = rows.mul_(self.scale.repeat(width)).add_(self.bias.repeat(width))
        return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)
