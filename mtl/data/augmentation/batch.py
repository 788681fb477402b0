"""Random steps on a whole batch at once, on whatever device it lies."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from mtl.data.augmentation.engine import refuse_extra
from mtl.data.augmentation.geometry import affine_matrices, flipped, resample
from mtl.data.augmentation.spec import Augmentation
from mtl.data.batch import Batch, is_grey
from mtl.data.sample import Target
from mtl.data.target.motion import Motion, Turn


class BatchAugmenter(nn.Module):
    """The batch engine: one affine grid, flips, brightness and contrast.

    Args:
        spec: what to do.
        targets: what the targets of the batches mean.

    Raises:
        UserError: ``spec.extra`` is not empty.
    """

    def __init__(self, spec: Augmentation, targets: Mapping[str, Target]) -> None:
        super().__init__()
        refuse_extra(spec)
        self.spec = spec
        self.targets = targets
        self._warps = spec.moves or any(degrees for _, degrees in spec.turns)
        # Whole-pixel shifts and flips land on pixels, so that they need no mixing of neighbours.
        mixes = any((spec.rotate, spec.zoom, spec.shear)) or any(d for _, d in spec.turns)
        self._mode = "bilinear" if mixes else "nearest"

    def forward(self, batch: Batch) -> Batch:
        """Augment a batch; the outcome depends on the batch with its ``seed`` and ``copy`` alone.

        Args:
            batch: ``image`` (B, C, S, S) uint8, or float in 0..255.

        Returns:
            The batch with its image changed, of the same type, and its targets with it as their
            kinds do it. A spec without steps returns the batch itself.
        """
        if len(batch) == 0:
            return batch
        if is_grey(batch.image):
            plane: Batch = self(replace(batch, image=batch.image[:, :1]))
            return replace(plane, image=plane.image.expand_as(batch.image))
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
            turn = Turn(count, size, turned_here, chosen)
            targets = {n: self.targets[n].kind.turned(v, turn) for n, v in targets.items()}
        return replace(batch, image=image, targets=targets)

    def _move(self, batch: Batch, uniform: Tensor) -> Batch:
        flip = uniform[:, :2] < uniform.new_tensor([self.spec.hflip, self.spec.vflip])
        size = (batch.image.shape[-2], batch.image.shape[-1])
        motion = Motion(self._matrices(batch, uniform, flip), size, self.spec, flip, self._warps)
        return move(batch, motion, self.targets, self._mode)

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
        changed = (image.float() * gain).add_(offset).clamp_(0, 255)
        return changed if image.is_floating_point() else changed.round_().to(torch.uint8)


def move(
    batch: Batch, motion: Motion, targets: Mapping[str, Target], mode: str = "bilinear"
) -> Batch:
    """Move images by one affine map each, and their targets with them.

    Args:
        batch: ``image`` (B, C, H, W).
        motion: the maps; flips alone are exact.
        targets: what the targets of the batch mean.
        mode: ``bilinear`` or ``nearest``, of the image.

    Returns:
        The batch with its image moved, of the same type.
    """
    if motion.warps:
        image = resample(batch.image, motion.matrix, mode, motion.spec.fill)
    else:
        image = flipped(batch.image, motion.flips.to(batch.image.device, non_blocking=True))
    moved = {name: targets[name].moved(v, motion) for name, v in batch.targets.items()}
    return replace(batch, image=image, targets=moved)
