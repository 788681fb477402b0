"""Backbones as experts, which may begin with a stem in common."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.stage_names import check_stages, part

GLANCE = 16
"""Channels of the small convolution that gates see where there is no stem."""


class Glance(nn.Module):
    """A first look at the image: one strided convolution.

    Args:
        channels: of the image.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, GLANCE, 7, stride=4, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) to (B, GLANCE, h, w)."""
        return torch.relu(self.conv(image))


class ExpertEncoder(Encoder):
    """Experts that are cut out of whole backbones, and gates over them.

    The gates see the mean over the picture of the stem's output, which costs nothing; without a
    stem, that of one small convolution of their own on the image. Experts that begin with the same
    pre-trained weights are told apart by their gates alone, which begin at random.
    """

    def divide(self, count: int, option: str, begins: Sequence[str] | None) -> list[list[Backbone]]:
        """Cut backbones at the same places, and let the first stages of one be the stem.

        Args:
            count: of experts.
            option: the key that the names come from.
            begins: of the stages that a part begins with; without any the whole is one, and with
                None each stage is.

        Returns:
            The parts in the order of execution, each of all experts.

        Raises:
            UserError: there is no such stage.
        """
        first = self.make_backbone()
        self._stages, self._feature_stages = first.description, first.feature_stages
        order = [stage.name for stage in self._stages]
        check_stages(option, begins or [], order)
        starts = [p for p, name in enumerate(order) if begins is None or name in begins] or [0]
        stem = self._stages[: starts[0]]
        self.stem = part(first, stem) if stem else None
        self.glance = None if stem else Glance(first.image_channels)
        self.gate_inputs = stem[-1].channels if stem else GLANCE
        wholes = [first, *(self.make_backbone() for _ in range(count - 1))]
        ends = [*starts[1:], len(order)]
        return [
            [part(whole, self._stages[start:end]) for whole in wholes]
            for start, end in zip(starts, ends, strict=True)
        ]

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """A whole backbone's own."""
        return self._feature_stages

    @property
    def description(self) -> tuple[Stage, ...]:
        """A whole backbone's: the stem's stages and an expert's."""
        return self._stages

    def begin(self, image: Tensor) -> tuple[Features, Tensor, Tensor]:
        """The stem's features, what the experts go on with, and what the gates see of it."""
        if self.stem is not None:
            features: Features = self.stem(image)
            x = features[self.stem.description[-1].stride]
            return features, x, x
        assert self.glance is not None
        return {}, image, self.glance(image)


def mixture(weights: Tensor, strides: Sequence[int], said: Sequence[Features]) -> Features:
    """The weighted sum of experts' features, stride by stride.

    Args:
        weights: (B, strides, experts).
        strides: of the features to be mixed.
        said: what each expert says, each stride (B, C, h, w).
    """
    return {
        stride: weighted_sum(gate.unbind(1), [features[stride] for features in said])
        for stride, gate in zip(strides, weights.unbind(1), strict=True)
    }


def weighted_sum(weights: Sequence[Tensor], maps: Sequence[Tensor]) -> Tensor:
    """One weight for each image: each (B,), and (B, C, h, w)."""
    terms = [
        share.to(m.dtype).view(-1, 1, 1, 1) * m for share, m in zip(weights, maps, strict=True)
    ]
    return sum(terms[1:], terms[0])
