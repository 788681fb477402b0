"""What is exported: one module from images to the named tensors of all tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.in_graph import ResizeInGraph, TensorFrame
from mtl.data.preprocess.normalise import Normalise
from mtl.errors import UserError
from mtl.model.network import Network

Colours = Literal["rgb", "bgr"]


class Graph(nn.Module):
    """Preprocessing where it is asked for, the network, and what the heads say is exported.

    Args:
        network: trained, in evaluation mode.
        tasks: to export.
        preprocess: the steps from an image as it is to the network's picture, where these are to be
            in the graph; None where normalised pictures go in.
        colours: their order in images that go in as they are.

    Raises:
        UserError: the steps can't be part of a graph.
    """

    def __init__(
        self,
        network: Network,
        tasks: Sequence[str],
        preprocess: Preprocess | None = None,
        colours: Colours = "rgb",
    ) -> None:
        super().__init__()
        self.network = network
        self.tasks = tuple(tasks)
        self.colours = colours
        self.resize: ResizeInGraph | None = None
        self.normalise: Normalise | None = None
        if preprocess is not None:
            self.resize = preprocess.in_graph()
            self.normalise = Normalise(preprocess.mean, preprocess.std)
            if self.resize is None:
                raise UserError(
                    f"preprocess_in_graph=true: the steps of {preprocess.described} can't be part "
                    "of a graph; leave it out, and the network's pictures are what goes in"
                )

    @property
    def image_size(self) -> int:
        """Side in pixels of the network's picture."""
        return self.network.head(self.tasks[0]).image_size

    @property
    def example(self) -> Tensor:
        """Two images of what goes in: (2, H, W, C) uint8 or (2, C, S, S) float32."""
        size = self.image_size
        if self.resize is None:
            return torch.zeros(2, self.network.image_channels, size, size)
        # Sides that can't be mistaken for any other number in the graph.
        return torch.zeros(
            2, 3 * size + 1, 2 * size + 3, self.network.image_channels, dtype=torch.uint8
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Images to ``<task>.<name>``.

        Args:
            image: (B, H, W, C) uint8 with preprocessing, else (B, C, S, S) float32, normalised.
        """
        picture, frame = self.prepared(image)
        return self.named(self.network.predict(picture, self.tasks), frame)

    def prepared(self, image: Tensor) -> tuple[Tensor, TensorFrame | None]:
        """Normalised pictures of what goes in, and where they lie in images that go in as they are.

        Args:
            image: see ``forward``.
        """
        if self.resize is None or self.normalise is None:
            return image, None
        picture, frame = self.resize(image.flip(-1) if self.colours == "bgr" else image)
        return self.normalise(picture), frame

    def named(self, decisions: Mapping[str, Any], frame: TensorFrame | None) -> dict[str, Tensor]:
        """``<task>.<name>`` of the tasks' decisions.

        Args:
            decisions: as ``Network.predict`` makes them.
            frame: see ``prepared``.
        """
        return {
            f"{task}.{name}": value
            for task, decision in decisions.items()
            for name, value in self.network.head(task).exported(decision, frame).items()
        }
