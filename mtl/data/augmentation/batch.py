"""Random steps on a whole batch at once, on whatever device it lies."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from mtl.data.augmentation.engine import refuse_extra
from mtl.data.augmentation.geometry import (
    affine_matrices,
    carry_boxes,
    resample,
    turn_boxes,
)
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch, BoxBatch, Labelled
from mtl.data.sample import IGNORE_PIXEL


class BatchAugmenter(nn.Module):
    """The batch engine: one affine grid, flips, brightness and contrast.

    Args:
        spec: what to do.

    Raises:
        UserError: ``spec.extra`` is not empty.
    """

    def __init__(self, spec: Augmentation) -> None:
        super().__init__()
        refuse_extra(spec)
        self.spec = spec
        self._warps = spec.moves or any(degrees for _, degrees in spec.turns)
        # Whole-pixel shifts and flips land on pixels, so that they need no mixing of neighbours.
        mixes = any((spec.rotate, spec.zoom, spec.shear)) or any(d for _, d in spec.turns)
        self._mode = "bilinear" if mixes else "nearest"

    def forward(self, batch: Batch) -> Batch:
        """Augment a batch; the outcome depends on the batch with its ``seed`` and ``copy`` alone.

        Args:
            batch: ``image`` (B, 3, S, S) uint8.

        Returns:
            The batch with its image as uint8, changed. Boxes that left the picture have label -1
            and zeros. Masks hold the ignore value outside the old picture. A spec without steps
            returns the batch itself.
        """
        if len(batch) == 0:
            return batch
        generator = torch.Generator().manual_seed(batch.seed)
        # Every number is always drawn, so that one step more leaves the others as they were.
        uniform = torch.rand((len(batch), 10), generator=generator, dtype=torch.float64)
        batch = self._turn(batch)
        if self._warps or self.spec.hflip or self.spec.vflip:
            batch = self._move(batch, uniform)
        if self.spec.brightness or self.spec.contrast:
            batch = replace(batch, image=self._light(batch.image, uniform))
        return batch

    def _turn(self, batch: Batch) -> Batch:
        used = {quarters for quarters, _ in self.spec.turns} - {0}
        if not used or batch.copy is None:
            return batch
        device = batch.image.device
        quarters = torch.tensor([quarters for quarters, _ in self.spec.turns])[batch.copy]
        size = (batch.image.shape[-2], batch.image.shape[-1])
        image, targets = batch.image, dict(batch.targets)
        for count in used:
            turned_here = quarters == count
            chosen = turned_here.to(device, non_blocking=True)
            image = torch.where(chosen.view(-1, 1, 1, 1), image.rot90(count, (-2, -1)), image)
            for name, labelled in targets.items():
                value = labelled.value
                if isinstance(value, BoxBatch):
                    boxes = partial(_turn_boxes, count=count, size=size, chosen=turned_here)
                    targets[name] = _on_cpu(labelled, boxes)
                elif value.ndim == 3:
                    rows = chosen[labelled.index].view(-1, 1, 1)
                    turned = torch.where(rows, value.rot90(count, (-2, -1)), value)
                    targets[name] = Labelled(labelled.index, turned)
        return replace(batch, image=image, targets=targets)

    def _move(self, batch: Batch, uniform: Tensor) -> Batch:
        flip = uniform[:, :2] < uniform.new_tensor([self.spec.hflip, self.spec.vflip])
        matrix = self._matrices(batch, uniform, flip)
        if self._warps:
            return warp(batch, matrix, self.spec, self._mode)
        flip = flip.to(batch.image.device, non_blocking=True)
        targets = {
            name: Labelled(labelled.index, _flip(labelled.value, flip[labelled.index]))
            if not isinstance(labelled.value, BoxBatch) and labelled.value.ndim == 3
            else labelled
            for name, labelled in batch.targets.items()
        }
        batch = replace(batch, image=_flip(batch.image, flip), targets=targets)
        return _warp_boxes(batch, matrix, self.spec)

    def _matrices(self, batch: Batch, uniform: Tensor, flip: Tensor) -> Tensor:
        spec, size = self.spec, (batch.image.shape[-2], batch.image.shape[-1])
        spread = uniform * 2 - 1
        angle = spread[:, 2] * spec.rotate
        if batch.copy is not None:
            angle = angle + angle.new_tensor([d for _, d in spec.turns])[batch.copy]
        side = spread.new_tensor([size[1], size[0]])
        degrees = torch.atan(spread.new_tensor(spec.shear))
        return affine_matrices(
            size,
            angle=angle,
            scale=1 + spread[:, 3] * spec.zoom,
            shear=torch.tan(spread[:, 4:6] * degrees),
            shift=torch.trunc(spread[:, 6:8] * spec.shift * side),
            flip=flip,
        )

    def _light(self, image: Tensor, uniform: Tensor) -> Tensor:
        spread = (uniform[:, 8:] * 2 - 1).float().to(image.device, non_blocking=True)
        spread = spread.view(-1, 2, 1, 1, 1)
        gain = 1 + spread[:, 0] * self.spec.contrast
        offset = spread[:, 1] * (self.spec.brightness * 255)
        return (image.float() * gain).add_(offset).round_().clamp_(0, 255).to(torch.uint8)


def warp(batch: Batch, matrix: Tensor, spec: Augmentation, mode: str = "bilinear") -> Batch:
    """Move images, masks and boxes by one affine map each.

    Args:
        batch: ``image`` (B, 3, H, W).
        matrix: (B, 2, 3) on the CPU, see ``mtl.data.augmentation.geometry``.
        spec: for ``fill``, ``min_visibility`` and ``rotated_boxes``.
        mode: ``bilinear`` or ``nearest``, of the image; masks are always ``nearest``.

    Returns:
        The batch with its image as uint8, moved.
    """
    targets = dict(batch.targets)
    for name, labelled in batch.targets.items():
        mask = labelled.value
        if not isinstance(mask, BoxBatch) and mask.ndim == 3:
            pixels = mask.unsqueeze(1)
            moved = resample(pixels, matrix, "nearest", IGNORE_PIXEL, rows=labelled.index)
            targets[name] = Labelled(labelled.index, moved.squeeze(1))
    image = resample(batch.image, matrix, mode, spec.fill)
    return _warp_boxes(replace(batch, image=image, targets=targets), matrix, spec)


def _flip(picture: Tensor | BoxBatch, flip: Tensor) -> Tensor:
    assert isinstance(picture, Tensor)
    shape = (-1,) + (1,) * (picture.ndim - 1)
    picture = torch.where(flip[:, 0].view(shape), picture.flip(-1), picture)
    return torch.where(flip[:, 1].view(shape), picture.flip(-2), picture)


def _warp_boxes(batch: Batch, matrix: Tensor, spec: Augmentation) -> Batch:
    size = (batch.image.shape[-2], batch.image.shape[-1])
    move = partial(_move_boxes, matrix=matrix.float(), size=size, spec=spec)
    targets = {
        name: _on_cpu(labelled, move) if isinstance(labelled.value, BoxBatch) else labelled
        for name, labelled in batch.targets.items()
    }
    return replace(batch, targets=targets)


def _on_cpu(labelled: Labelled, change: Callable[[Labelled], BoxBatch]) -> Labelled:
    """Change boxes on the CPU: they are few, and heads want to look at them there."""
    there = labelled.on_cpu
    changed = Labelled(there.index, change(there))
    return changed.to(labelled.index.device, non_blocking=True)


def _turn_boxes(labelled: Labelled, count: int, size: tuple[int, int], chosen: Tensor) -> BoxBatch:
    boxes = labelled.value
    assert isinstance(boxes, BoxBatch)
    rows = chosen[labelled.index].unsqueeze(-1) & boxes.valid
    turned = turn_boxes(boxes.xyxy, count, size)
    return replace(boxes, xyxy=torch.where(rows.unsqueeze(-1), turned, boxes.xyxy))


def _move_boxes(
    labelled: Labelled, matrix: Tensor, size: tuple[int, int], spec: Augmentation
) -> BoxBatch:
    boxes = labelled.value
    assert isinstance(boxes, BoxBatch)
    rows = matrix[labelled.index]
    moved, keep = carry_boxes(boxes.xyxy, rows, size, spec.rotated_boxes, spec.min_visibility)
    keep = keep & boxes.valid
    return BoxBatch(
        moved * keep.unsqueeze(-1),
        boxes.labels.masked_fill(~keep, -1),
        boxes.difficult & keep,
    )
