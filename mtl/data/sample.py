"""What every data set hands out: one image with the targets that it happens to have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["label", "labels", "boxes", "mask"]
IGNORE_LABEL = -1
"""Entry of a multi-hot vector that is neither positive nor negative."""
IGNORE_PIXEL = 255
"""Mask value that neither loss nor metric looks at."""


@dataclass(frozen=True)
class Target:
    """What one target of a data set means.

    Args:
        kind: ``label`` (one class index), ``labels`` (multi-hot), ``boxes`` or ``mask``.
        classes: the names behind the indices. For masks they include the background at index 0.
    """

    kind: Kind
    classes: tuple[str, ...]


@dataclass
class Boxes:
    """The objects in one image.

    Args:
        xyxy: (N, 4) float32 pixels, 0-based and half-open: the whole image is (0, 0, W, H).
        labels: (N,) int64 class indices.
        difficult: (N,) bool; such objects neither help nor hurt in evaluation.
    """

    xyxy: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    difficult: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls) -> "Boxes":
        """No objects: a fact about the image, unlike a missing target."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_))


TargetValue = int | npt.NDArray[np.generic] | Boxes
"""``label``: int. ``labels``: (C,) int8 of 0, 1 or IGNORE_LABEL. ``boxes``: Boxes. ``mask``: (H, W)
uint8."""


@dataclass
class Sample:
    """One image and its targets.

    Args:
        image: (H, W, 3) uint8 RGB.
        id: the source file's path, or a name such as ``train/17`` where there is no file.
        targets: target name to value. A target that the sample lacks is absent, never a fake zero.
        size: (width, height) of the image at full resolution in pixels, where it was decoded
            smaller; None means that of ``image``.
    """

    image: npt.NDArray[np.uint8]
    id: str
    targets: Mapping[str, TargetValue] = field(default_factory=dict)
    size: tuple[int, int] | None = None
