"""``encoder=siamese``."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Features, Stage, laid_out_as
from mtl.model.encoder.base import Encoder
from mtl.model.views.base import Views

REMEDY = "choose views=rotations views.angles=[0,90]"
TINY = 1e-6
"""Keeps cells that no view shows from dividing 0 by 0."""


class Siamese(Encoder):
    """Pairs of views through one network, compared (Bromley et al., 1993; Koch et al., 2015).

    One stream comes out, in the frame of the image: for each stride the mean of the two maps, and
    behind it their distance in each channel and cell. Where only one of the views shows the image,
    the mean is that view's value and the distance is 0.

    Args:
        make_backbone: see ``Encoder``.
        tasks: see ``Encoder``.
        views: see ``Encoder``; two of them, one being the image as it is.
        distance: ``l1`` (|a - b|) or ``l2`` ((a - b)²), both with twice the channels, or ``none``.

    Raises:
        UserError: there aren't two views, neither of them is the image as it is, or there is no
            such distance.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        distance: str = "l1",
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        if views.count != 2:
            raise UserError(
                f"encoder=siamese compares two views, this makes {views.count}: {REMEDY}"
            )
        if distance not in ("l1", "l2", "none"):
            raise UserError(f"encoder.distance={distance}: allowed: l1, l2, none")
        upright = [number for number, p in enumerate(views.placements) if p.identity]
        if not upright:
            raise UserError(
                f"encoder=siamese needs the image as it is among its two views: {REMEDY}"
            )
        self._upright = upright[0]
        # Not a submodule: the network owns the views.
        self._back = views.back
        self.distance = distance
        self.backbone = make_backbone()
        self._gap: Tensor | None = None

    @property
    def streams(self) -> tuple[int, ...]:
        """One, in the frame of the view that is the image as it is."""
        return (self._upright,)

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The backbone's own, with twice the channels where the distance is behind the mean."""
        times = 1 if self.distance == "none" else 2
        return tuple(
            Stage(stage.name, times * stage.channels, stage.stride)
            for stage in self.backbone.feature_stages
        )

    def stage_of(self, parameter: str) -> str:
        """The stage in ``backbone.stages.<stage>.…``."""
        return parameter.split(".")[2]

    def forward(self, image: Tensor) -> dict[str, Features]:
        """One pass over both views, then mean and distance."""
        found: Features = self.backbone(image)
        if self.training:
            first, second = found[max(found)].detach().float().mean((-2, -1)).chunk(2)
            self._gap = (first - second).norm(dim=1).mean()
        merged = {s: laid_out_as(self._compared(maps), maps) for s, maps in found.items()}
        return dict.fromkeys(self.tasks, merged)

    def _compared(self, maps: Tensor) -> Tensor:
        size = (maps.shape[-2], maps.shape[-1])
        sums, shown = self._back(maps, (0, 1), size)
        shown = shown[:, None, None]
        mean = sums.sum(0) / shown.sum(0).clamp_min(TINY)
        if self.distance == "none":
            return mean
        first, second = sums / shown.clamp_min(TINY)
        gap = (first - second) * shown.amin(0)
        return torch.cat([mean, gap.abs() if self.distance == "l1" else gap.square()], dim=1)

    def gauges(self) -> dict[str, Tensor]:
        """``distance``: between the pooled vectors of the two views, mean over the last batch."""
        return {} if self._gap is None else {"distance": self._gap}
