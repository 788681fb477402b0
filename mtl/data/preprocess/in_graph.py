"""``Standard`` as tensor operations, for graphs that take images of any size as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

Sides = tuple[Tensor, Tensor]
"""Of something that goes down (y) and across (x), as scalars."""


@dataclass(frozen=True)
class TensorFrame:
    """``Frame`` in a graph: where the network's picture lies in images whose size is not known yet.

    Args:
        size: (height, width) of the images; whole numbers, or symbols of them.
        scale: factors from image to network pixels, float64 scalars.
        offset: network pixels above and left of the image's content, likewise.
        content: rows and columns of the picture that show the image, likewise.
    """

    size: tuple[int, int]
    scale: Sides
    offset: Sides
    content: Sides

    def boxes_to_original(self, xyxy: Tensor) -> Tensor:
        """(..., 4) boxes in the network's picture to boxes in the image, clipped to it."""
        offset, scale, limit = (
            torch.stack([x, y, x, y]).to(xyxy) for y, x in (self.offset, self.scale, self._sides())
        )
        return torch.minimum(((xyxy - offset) / scale).clamp(min=0), limit)

    def points_to_original(self, xy: Tensor) -> Tensor:
        """(..., 2) points in the network's picture to points in the image, clipped to it."""
        return self.boxes_to_original(torch.cat([xy, xy], -1))[..., :2]

    def plane_to_original(self, plane: Tensor) -> Tensor:
        """(B, S, S) of the network's picture, bilinearly to (B, H, W) of the image."""
        for axis, (near, far, share) in enumerate(self._neighbours):
            one, other = (plane.index_select(axis + 1, places) for places in (near, far))
            weight = share.to(plane.dtype)
            plane = torch.lerp(one, other, weight[:, None] if axis == 0 else weight)
        return plane

    @cached_property
    def _neighbours(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of the image's rows, then its columns: the picture's before and behind, and the share of
        the latter; once for all planes, or each would have them in the graph."""
        found = []
        for axis, side in enumerate(self.size):
            scale, first = self.scale[axis], self.offset[axis]
            centres = torch.arange(side, dtype=torch.float64, device=scale.device) + 0.5
            last = first + self.content[axis] - 1
            place = centres * scale + first - 0.5
            place = torch.minimum(torch.maximum(place, first), last)
            near = place.floor()
            found.append((near.long(), torch.minimum(near + 1, last).long(), place - near))
        return found

    def _sides(self) -> Sides:
        return _scalar(self.size[0]), _scalar(self.size[1])


class ResizeInGraph(nn.Module):
    """Resize to the network's picture by sums over rows and columns with OpenCV's weights.

    What comes out are whole grey levels, as OpenCV's. Its own sums of bilinear weights are in fixed
    point, so that a pixel can differ by one level.

    Args:
        image_size: side of the picture, pixels.
        fit: ``stretch`` or ``letterbox``.
        pad: grey level beside a letterboxed image.
    """

    def __init__(self, image_size: int, fit: str, pad: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.fit = fit
        self.pad = pad

    def forward(self, image: Tensor) -> tuple[Tensor, TensorFrame]:
        """Pictures, and where they lie in the images.

        Args:
            image: (B, H, W, 3) uint8.

        Returns:
            (B, 3, image_size, image_size) float32 in 0..255, and the way back.
        """
        frame = self._frame((image.shape[1], image.shape[2]))
        step = [1 / scale for scale in frame.scale]
        # As Standard chooses, and OpenCV where not both sides shrink.
        area = torch.maximum(*step) > 2
        both = torch.minimum(*step) >= 1
        (down, rows), (across, columns) = (
            self._weights(frame, axis, step[axis], area, both) for axis in (0, 1)
        )
        planes = image.permute(0, 3, 1, 2).float()
        resized = down @ (planes @ across.mT)
        # OpenCV's fixed point rounds halves up, its floats to the even number.
        whole = torch.where(area & both, resized.round(), (resized + 0.5).floor())
        inside = rows[:, None] & columns
        return torch.where(inside, whole.clamp(0, 255), float(self.pad)), frame

    def _frame(self, size: tuple[int, int]) -> TensorFrame:
        height, width = (_scalar(side) for side in size)
        side = torch.full_like(height, self.image_size)
        if self.fit == "stretch":
            content = side, side
        else:
            longest = torch.maximum(height, width)
            content = (
                (height * side / longest).round().clamp(min=1),
                (width * side / longest).round().clamp(min=1),
            )
        offset = ((side - content[0]) / 2).floor(), ((side - content[1]) / 2).floor()
        return TensorFrame(size, (content[0] / height, content[1] / width), offset, content)

    def _weights(
        self, frame: TensorFrame, axis: int, step: Tensor, area: Tensor, both: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(S, L) float32: what each place of the picture takes of each of the image along an axis.

        And (S,) bool: which places show the image.
        """
        last = _scalar(frame.size[axis]) - 1
        source = torch.arange(frame.size[axis], dtype=torch.float64)
        place = torch.arange(self.image_size, dtype=torch.float64) - frame.offset[axis]
        inside = (place >= 0) & (place < frame.content[axis])
        low = place * step
        # Where one side grows, OpenCV's area mode is bilinear with places of its own.
        cell = low.floor()
        share = place + 1 - (cell + 1) / step
        share = torch.where(share > 0, share - share.floor(), 0.0)
        centre = torch.where(area, cell + share, (place + 0.5) * step - 0.5).clamp(min=0)
        centre = torch.minimum(centre, last)
        linear = (1 - (source - centre[:, None]).abs()).clamp(min=0)
        high = torch.minimum(low + step, last + 1)
        covered = torch.minimum(source + 1, high[:, None]) - torch.maximum(source, low[:, None])
        # Beside the image nothing is covered, and what comes out is not looked at.
        averaged = covered.clamp(min=0) / (high - low).clamp(min=1e-6)[:, None]
        return torch.where(area & both, averaged, linear).float(), inside


def _scalar(side: int) -> Tensor:
    return torch.scalar_tensor(side, dtype=torch.float64)
