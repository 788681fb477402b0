"""What heads share that say numbers of every pixel: depth and normals."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.preprocess.base import Frame
from mtl.data.preprocess.fit import out_of_picture
from mtl.data.preprocess.in_graph import TensorFrame
from mtl.model.head.agreement import known_mean, known_median
from mtl.model.head.dense import Dense
from mtl.model.head.exported import ExportedTensor
from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import back

Pixels = npt.NDArray[np.float32]
"""(H, W) or (H, W, C), as the target's kind has them."""
SHOWN = 0.5
"""Share of a pixel that a copy of the image has to show, to say something of it."""
TOLERANCE = 1e-3
"""Of an exported file's numbers."""


class PixelValues(Dense):
    """Dense heads whose decisions are (n, C, image_size, image_size) float32.

    A pixel is NaN in all channels where a decision was turned back and the copy doesn't show it:
    averages and votes leave it out, metrics count what nobody said as wrong.
    """

    @abstractmethod
    def valid(self, values: Tensor) -> Tensor:
        """Mixtures of decisions, (n, C, H, W), made decisions again."""

    def carried(self, values: Tensor, placement: Placement) -> Tensor:
        """What turning a picture back does to the numbers of its pixels; here nothing."""
        return values

    def average(self, decisions: Sequence[Tensor], weights: Tensor) -> Tensor:
        """The mean of what there is in each pixel."""
        return self.valid(known_mean(decisions, weights))

    def vote(self, decisions: Sequence[Tensor]) -> Tensor:
        """The median of what there is in each pixel."""
        return self.valid(known_median(decisions))

    def carry_back(self, decision: Tensor, placement: Placement) -> Tensor:
        """Turned back; NaN where the copy doesn't show at least half of a pixel."""
        maps, shown = back(decision, [placement], (decision.shape[-2], decision.shape[-1]))
        seen = shown > SHOWN
        values = (maps[0] / shown.where(seen, 1)).where(seen, torch.nan)
        return self.valid(self.carried(values, placement))

    @abstractmethod
    def arranged(self, values: Tensor) -> Tensor:
        """(n, C, H, W) as the target's kind arranges them, (n, H, W) or (n, H, W, C)."""

    @property
    @abstractmethod
    def exports(self) -> Mapping[str, ExportedTensor]:
        """The numbers under the name of the kind, and ``picture``: those in the network's."""

    def exported(self, prediction: Tensor, frame: TensorFrame | None) -> dict[str, Tensor]:
        """See ``exports``; the first are as large as the images."""
        values = prediction.clone()
        if frame is not None:
            planes = [frame.plane_to_original(plane) for plane in prediction.unbind(1)]
            values = self.valid(torch.stack(planes, 1))
        name = self.target.kind.name
        return {name: self.arranged(values), "picture": self.arranged(prediction)}

    def from_exported(self, tensors: Mapping[str, Tensor], frame: Frame | None = None) -> Tensor:
        """What ``predict`` gave, which is in the network's picture anyway."""
        picture = tensors["picture"]
        return picture.unsqueeze(1) if picture.dim() == 3 else picture.movedim(-1, 1)

    def unbatch(self, prediction: Tensor) -> list[Pixels]:
        """As the target's kind has them."""
        return list(self.arranged(prediction.float()).cpu().numpy())

    def to_original(self, prediction: Pixels, frame: Frame) -> Pixels:
        """Bilinearly to the original's size."""
        found = out_of_picture(prediction, frame, cv2.INTER_LINEAR)
        planes = torch.from_numpy(np.atleast_3d(found)).permute(2, 0, 1)[None]
        (valid,) = self.unbatch(self.valid(planes))
        return valid

    def draw(self, canvas: npt.NDArray[np.uint8], prediction: Pixels) -> npt.NDArray[np.uint8]:
        """As the target's kind does it."""
        drawn: npt.NDArray[np.uint8] = self.target.kind.draw(canvas, prediction, self.target, 1)
        return drawn

    @abstractmethod
    def record(self, prediction: Pixels) -> Mapping[str, Any]:
        """The numbers of all pixels under the name of the kind, and a summary of them."""
