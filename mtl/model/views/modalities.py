"""``views=modalities``."""

from collections.abc import Sequence
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from mtl.config.nearest import in_words
from mtl.errors import UserError
from mtl.model.views.base import Views
from mtl.model.views.modality import DERIVED
from mtl.model.views.options import check_list
from mtl.model.views.placement import Placement, stack_views

COLOUR = "rgb"
NAMES = (COLOUR, *DERIVED)
ADAPTERS = ("repeat", "learned")


class Modalities(Views):
    """Other pictures of the same scene, made of the colour image on the fly.

    Normalisation is undone before and done again after, so that the backbone meets each modality
    as it would meet a photograph with these pixel values: a gray view is what a gray photograph is.

    Args:
        names: of ``rgb`` (the image as it is), ``gray``, ``edges`` (Sobel), ``hsv`` and
            ``contrast`` (local).
        adapter: how they get three channels: ``repeat`` the one they have, or ``learned``, a 1x1
            convolution for each modality but rgb that starts out as that.
        mean: per channel, that was subtracted from pixel values in 0..1.
        std: per channel, that they were divided by.
        checkpointing: see ``Views``.

    Raises:
        UserError: no name, one twice, or one or an adapter that there is not.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        names: Sequence[str],
        adapter: str,
        mean: Sequence[float],
        std: Sequence[float],
        checkpointing: bool,
    ) -> None:
        check_list("names", names, names, "[rgb,gray,edges]")
        for name in names:
            if name not in NAMES:
                near = get_close_matches(str(name).lower(), NAMES, n=1)
                hint = f" did you mean {near[0]}?" if near else ""
                allowed = ", ".join(NAMES)
                raise UserError(f"views.names={in_words(list(names))}:{hint} allowed: {allowed}")
        if adapter not in ADAPTERS:
            raise UserError(f"views.adapter={adapter}: allowed: {', '.join(ADAPTERS)}")
        if len(mean) != 3:
            raise UserError(
                f"views=modalities are made of three colours, and images have {len(mean)} channels "
                "(data.channels): choose other views"
            )
        super().__init__([Placement.window(n, -1, -1, 1, 1) for n in names], checkpointing)
        self.names = tuple(names)
        learned = [n for n in names if n != COLOUR] if adapter == "learned" else []
        self.adapters = nn.ModuleDict({name: _repeating(DERIVED[name][0]) for name in learned})
        # Not persistent: they come from the configuration, and a checkpoint holds what was learnt.
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(list(mean)).reshape(shape), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).reshape(shape), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """See ``Views``."""
        pixels = image * self.std + self.mean
        return stack_views([self._view(name, image, pixels) for name in self.names])

    def _view(self, name: str, image: Tensor, pixels: Tensor) -> Tensor:
        if name == COLOUR:
            return image
        found = DERIVED[name][1](pixels)
        if name in self.adapters:
            found = self.adapters[name](found)
        return (found - self.mean) / self.std


def _repeating(channels: int) -> nn.Conv2d:
    """A 1x1 convolution to three channels that repeats a single one and keeps three as they are."""
    convolution = nn.Conv2d(channels, 3, 1)
    start = torch.ones(3, 1) if channels == 1 else torch.eye(3)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        convolution.weight.copy_(start[:, :, None, None])
    return convolution
