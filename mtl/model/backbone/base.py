"""The one description that every backbone gives of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtl.model.backbone.checkpointing import checkpointed

Features = dict[int, Tensor]
"""Stride to feature map (B, C, H / stride, W / stride), rounded up or down."""


@dataclass(frozen=True)
class Stage:
    """One stage of a backbone.

    Args:
        name: as used by freezing, tying and learning-rate factors (``layer2``).
        channels: of its output.
        stride: of its output relative to the image.
    """

    name: str
    channels: int
    stride: int


class Backbone(nn.Module):
    """A feature extractor that is a chain of named stages.

    Each stage is one module that takes the output of the one before it; every parameter and buffer
    belongs to exactly one stage.

    Args:
        stages: stage name to module, in the order of execution.
        description: one ``Stage`` for each, in the same order.
        outputs: where a single stage hands out several maps at once, and its module a sequence of
            them: the name, channels and stride of each, from fine to coarse. The coarsest is what
            ``description`` says of the stage.
    """

    def __init__(
        self,
        stages: dict[str, nn.Module],
        description: tuple[Stage, ...],
        outputs: Sequence[Stage] = (),
    ) -> None:
        super().__init__()
        if list(stages) != [stage.name for stage in description]:
            raise ValueError("stages and description differ")
        self.stages = nn.ModuleDict(stages)
        self.description = description
        self.outputs = tuple(outputs)
        self.image_channels = 3
        self.checkpointing = False

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """What ``forward`` returns: ``outputs``, or the last stage of each stride."""
        return self.outputs or self.run_stages

    @property
    def run_stages(self) -> tuple[Stage, ...]:
        """The last stage of each stride, for those who ``run`` stage by stage."""
        return tuple({stage.stride: stage for stage in self.description}.values())

    def check_size(self, size: int, channels: int) -> None:
        """See that it takes pictures of a size; those of convolutions take any.

        Args:
            size: side in pixels of what it sees.
            channels: of that.

        Raises:
            UserError: it doesn't.
        """

    def forward(self, image: Tensor) -> Features:
        """Run all stages.

        Args:
            image: (B, 3, H, W) float, normalised.

        Returns:
            Stride to the output of the last stage with that stride.
        """
        if self.outputs:
            maps = self._run(self.description[0].name, image)
            return {s.stride: out for s, out in zip(self.outputs, maps, strict=True)}
        features: Features = {}
        for stage in self.description:
            image = self.run(stage.name, image)
            features[stage.stride] = image
        return features

    def run(self, stage: str, x: Tensor) -> Tensor:
        """One stage; with ``checkpointing`` its activations are not kept for the backward pass.

        Args:
            stage: its name.
            x: output of the stage before, or the image.

        Returns:
            Its output; the coarsest where it has several.
        """
        found = self._run(stage, x)
        result: Tensor = found[-1] if self.outputs else found
        return result

    def _run(self, stage: str, x: Tensor) -> Any:
        module = self.stages[stage]
        if not (self.checkpointing and self.training and torch.is_grad_enabled()):
            return module(x)
        return checkpointed(module, x)


def pick(features: Features, rows: Tensor, size: int) -> Features:
    """The features of some samples; the same object where the rows are all of them.

    Args:
        features: stride to (B, C, h, w).
        rows: (n,) int64, ascending.
        size: B.
    """
    if len(rows) == size:
        return features
    return {stride: _rows(maps, rows) for stride, maps in features.items()}


def laid_out_as(maps: Tensor, like: Tensor) -> Tensor:
    """The maps with channels last in memory, as convolutions want them, where ``like`` has them."""
    form = torch.channels_last
    if maps is like or not like.is_contiguous(memory_format=form):
        return maps
    return maps.contiguous(memory_format=form)


def _rows(maps: Tensor, rows: Tensor) -> Tensor:
    """Some samples, in the memory format of the maps, which ``index_select`` forgets."""
    if maps.is_contiguous() or not maps.is_contiguous(memory_format=torch.channels_last):
        return maps.index_select(0, rows)
    return maps.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
