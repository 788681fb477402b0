"""What a choice of ``views=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.model.views.placement import Placement
from mtl.model.views.turn_back import back


class Views(nn.Module, ABC):
    """Makes V views of each image, stacked along the batch, and brings maps of them back.

    Subclasses add their own options, one per key of their yaml.

    Args:
        placements: where each view lies in the image, one per view.
        checkpointing: whether the backbone's activations are computed again in the backward pass
            instead of kept, which saves memory and costs time.
        equivariant: whether dense heads' kernels are averaged over quarter turns where the views
            hold all four of them, so that what such heads say turns with the image exactly.
    """

    def __init__(
        self,
        placements: Sequence[Placement],
        checkpointing: bool = False,
        equivariant: bool = False,
    ) -> None:
        super().__init__()
        self.placements = tuple(placements)
        self.checkpointing = checkpointing
        self.equivariant = equivariant

    @property
    def count(self) -> int:
        """V, at least 1."""
        return len(self.placements)

    @property
    def whole(self) -> bool:
        """Whether each view shows the object that a dense or box head has to find as a whole.

        Tiles don't: heads whose decision has a place are refused then.
        """
        return True

    @property
    def side(self) -> float:
        """Side of a view's picture in image sides, above 0; 1 / grid for tiles.

        A map of side h in a view's frame has side h / ``side``, rounded, in the image's.
        """
        return 1.0

    @property
    def quarter_turns(self) -> bool:
        """Whether a quarter turn of the image only changes the order of its views."""
        return False

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (V·B, 3, h, w): all images in view 0, then all in view 1, ..."""

    def back(
        self, maps: Tensor, streams: Sequence[int], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Maps of views, brought into the frame of their images.

        Args:
            maps: (S·B, C, h, w), stream by stream.
            streams: S indices of views: which one each stream shows.
            size: (H, W) of the result.

        Returns:
            (S, B, C, H, W), zero where a view shows nothing, and (S, H, W) float in 0..1: how much
            of each cell the view shows.
        """
        return back(maps, [self.placements[view] for view in streams], size)

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name."""
        return {}


def blocks(rows: Tensor, count: int) -> list[Tensor]:
    """What was stacked block by block, apart: (S·n, ...) to S of (n, ...).

    Args:
        rows: as ``Views`` and encoders stack views and streams.
        count: S.
    """
    # Not chunk: where n is any number, as in an exported graph, this alone tells that there are S.
    return list(torch.unflatten(rows, 0, (count, -1)).unbind())


def stream_rows(rows: Tensor, streams: int, size: int) -> Tensor:
    """Rows of a batch, to the rows of S batches stacked stream by stream.

    Args:
        rows: (n,) int64.
        streams: S.
        size: B.

    Returns:
        (S·n,) int64.
    """
    offsets = torch.arange(streams, device=rows.device).unsqueeze(1) * size
    return (offsets + rows).flatten()
