"""How a batch's pictures were moved, for the targets to follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mtl.data.augmentation.spec import Augmentation
    from mtl.data.batch import Labelled


@dataclass(frozen=True)
class Turn:
    """Exact quarter turns of some of a batch's B pictures.

    Args:
        quarters: counter-clockwise, 1 to 3.
        size: (H, W) of the pictures before.
        chosen: (B,) bool on the CPU, which pictures turn.
        there: the same on the batch's device.
    """

    quarters: int
    size: tuple[int, int]
    chosen: Tensor
    there: Tensor

    @classmethod
    def alone(cls, quarters: int, size: tuple[int, int]) -> Turn:
        """That of a single picture."""
        chosen = torch.ones(1, dtype=torch.bool)
        return cls(quarters, size, chosen, chosen)

    def rows(self, labelled: Labelled) -> Tensor:
        """(n,) bool where the target lies: which of its n samples turn."""
        chosen = self.chosen if labelled.index.device.type == "cpu" else self.there
        return chosen[labelled.index]


@dataclass(frozen=True)
class Motion:
    """One affine map for each of a batch's B pictures.

    Args:
        matrix: (B, 2, 3) on the CPU, from a place in the old picture to its place in the new one
            (see ``mtl.data.augmentation.geometry``). Its determinant is negative where the picture
            is mirrored.
        size: (H, W) of the pictures.
        spec: what becomes of boxes that leave the picture.
        flips: (B, 2) bool, left-right and up-down, with which the maps end.
        warps: whether the maps are more than flips.
    """

    matrix: Tensor
    size: tuple[int, int]
    spec: Augmentation
    flips: Tensor
    warps: bool

    def of(self, row: int) -> Motion:
        """That of one of the pictures."""
        rows = slice(row, row + 1)
        return replace(self, matrix=self.matrix[rows], flips=self.flips[rows])

    @property
    def mirrors(self) -> Tensor:
        """(B,) bool on the CPU: which pictures are mirrored."""
        (a, b), (c, d) = self.matrix[:, :, :2].permute(1, 2, 0)
        mirrors: Tensor = a * d < b * c
        return mirrors
