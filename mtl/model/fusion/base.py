"""What a choice of ``fusion=`` has to be."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from mtl.model.backbone.base import Features, Stage, laid_out_as
from mtl.model.fusion.exchange import make_exchange
from mtl.model.views.base import Views

LEAST = 1e-6
"""How much of a cell a view has to show for it to count."""


class Fusion(nn.Module, ABC):
    """Brings the features of views and branches together and lets those of tasks meet.

    Features that tasks share are merged once and stay one object, unless tasks exchange features
    after that. A single stream is only brought into the image's frame; where it shows the image as
    it is, nothing is done to it at all.

    Subclasses say how to ``merge`` and add their own options, one per key of their yaml.

    Args:
        stages: the features that come out of the encoder.
        tasks: names of the tasks, in order.
        views: the views that the features were computed on.
        streams: for each feature stream that the encoder gives the view that it shows.
        exchange: how tasks exchange features: ``none``, ``concat`` or ``attention``.

    Raises:
        UserError: no such exchange.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[str],
        views: Views,
        streams: Sequence[int],
        exchange: str = "none",
    ) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.tasks = tuple(tasks)
        # Not a submodule: the network owns the views.
        self._back = views.back
        self.side = views.side
        self.placements = views.placements
        self.incoming = tuple(streams)
        self.exchange = make_exchange(exchange, self.feature_stages, self.tasks)
        self.strides = frozenset(stage.stride for stage in self.stages)

    def only(self, strides: Collection[int]) -> None:
        """Merge no other features than those that some head reads, and the coarsest.

        Args:
            strides: of the features to go on with.
        """
        self.strides = frozenset(strides) | {self.stages[-1].stride}
        self.exchange.only(self.strides)

    def placed(self, index: Tensor, channels: int) -> Tensor:
        """Which channels of the features that heads get show some of those that come in.

        Here they keep their numbers, and each shows only itself.

        Args:
            index: (k,) int64, of channels that come in.
            channels: how many there are of the stride.

        Returns:
            (m·k,) int64, m times all of ``index``.
        """
        return index

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """Take in fewer channels from now on; those that are left out are taken to be 0.

        Fusions that have weights for channels override this, and call it.

        Args:
            kept: stride to (k,) int64, the channels that will come in, ascending; a stride that
                isn't there stays whole.
        """
        self.exchange.narrow(
            {
                stage.stride: self.placed(kept[stage.stride], stage.channels)
                for stage in self.stages
                if stage.stride in kept and stage.stride in self.strides
            }
        )
        self.stages = tuple(
            replace(stage, channels=len(kept[stage.stride])) if stage.stride in kept else stage
            for stage in self.stages
        )

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The features that the heads get; as they came in unless a fusion says otherwise."""
        return self.stages

    @property
    def streams(self) -> int:
        """How many streams are left: 1 where they were merged."""
        return 1

    @property
    def symmetric(self) -> bool:
        """Whether the order of the views makes no difference."""
        return False

    @property
    def stream_names(self) -> tuple[str, ...]:
        """Each incoming stream by its view; numbered (``0°.1``) where several show one view."""
        names = [self.placements[view].name for view in self.incoming]
        several = {name for name, count in Counter(names).items() if count > 1}
        return tuple(
            f"{name}.{names[:i].count(name) + 1}" if name in several else name
            for i, name in enumerate(names)
        )

    @property
    def instance_weights(self) -> Tensor | None:
        """How much each stream counted for each image of the last forward.

        (B, S) float, detached, each row with sum 1; None where a fusion has no such weights.
        """
        return None

    def back(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of all streams in the frame of the image.

        Args:
            maps: (S·B, C, h, w), stream by stream.

        Returns:
            (S, B, C, H, W), each cell times how much of it the stream's view shows, and
            (S, H, W): how much that is.
        """
        height, width = (round(side / self.side) for side in maps.shape[-2:])
        return self._back(maps, self.incoming, (height, width))

    def shown(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """``back`` with the cells at full strength that a view shows only a part of."""
        values, cover = self.back(maps)
        return values / cover.clamp(min=LEAST)[:, None, None], cover

    def upright(self, features: Features) -> Features:
        """All streams in the frame of the image, still apart; the same object where they are."""
        if self.side == 1 and all(self.placements[view].identity for view in self.incoming):
            return features
        return {stride: self.shown(maps)[0].flatten(0, 1) for stride, maps in features.items()}

    @abstractmethod
    def merge(self, features: Features) -> Features:
        """Merge the streams, of which there are at least two.

        Args:
            features: stride to (S·B, C, h, w), in the frames of the views.

        Returns:
            Stride to (``streams``·B, C', H, W), in the frame of the image.
        """

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """Merge the streams, then let the tasks exchange features.

        Args:
            features: task to features, each (S·B, C, h, w), stream by stream, in the frame of each
                stream's view. Tasks that share their features have the same object.

        Returns:
            Task to features, each (``streams``·B, C', H, W), in the frame of the image.
        """
        merge = self.merge if len(self.incoming) > 1 else self.upright
        merged: dict[int, Features] = {}
        for found in features.values():
            if id(found) not in merged:
                read = {s: maps for s, maps in found.items() if s in self.strides}
                together = merge(found if len(read) == len(found) else read)
                if together is not found:
                    together = {s: laid_out_as(m, found[s]) for s, m in together.items()}
                merged[id(found)] = together
        result: dict[str, Features] = self.exchange(
            {task: merged[id(found)] for task, found in features.items()}
        )
        return result

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name (``attention/90°``, ``tasks/box/mask``)."""
        return self.exchange.gauges()
