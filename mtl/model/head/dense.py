"""What heads share that say something of every pixel."""

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from mtl.data.sample import Target
from mtl.model.backbone.base import Features, Stage
from mtl.model.backbone.rotation import turn_filters
from mtl.model.head.aspp_decoder import AsppDecoder
from mtl.model.head.base import Head
from mtl.model.head.dpt_decoder import DptDecoder
from mtl.model.head.losses import full_precision
from mtl.model.head.options import check_names, check_range
from mtl.model.head.pyramid_decoder import PyramidDecoder, upsample

DECODERS: Mapping[str, type[PyramidDecoder | AsppDecoder | DptDecoder]] = {
    "light": PyramidDecoder,
    "aspp": AsppDecoder,
    "dpt": DptDecoder,
}
Decoder = Literal["light", "aspp", "dpt"]


class Dense(Head):
    """A decoder from the features to maps, which are enlarged to the picture.

    ``forward`` gives (n, outputs, h, w) at the finest stride in use.

    Args:
        target: see Head.
        stages: see Head.
        image_size: see Head.
        metrics: see Head.
        allowed: the metrics that there are.
        outputs: how many maps.
        strides: of the features to use, as far as they are on offer; the finest one on offer where
            none is.
        channels: of the decoder.
        decoder: ``light`` (see ``PyramidDecoder``), ``aspp`` (see ``AsppDecoder``) or ``dpt`` (see
            ``DptDecoder``).
    """

    same_answers = False

    def __init__(
        self,
        *,
        target: Target,
        stages: Sequence[Stage],
        image_size: int,
        metrics: Sequence[str],
        allowed: Sequence[str],
        outputs: int,
        strides: Sequence[int],
        channels: int,
        decoder: Decoder,
    ) -> None:
        super().__init__(target, stages, image_size, metrics)
        name = type(self).__name__.lower()
        check_names(name, "metrics", metrics, allowed)
        check_range(name, "channels", channels, 2)
        check_names(name, "decoder", [decoder], DECODERS)
        used = [stage for stage in stages if stage.stride in strides] or [stages[0]]
        self.outputs = outputs
        self.decoder = DECODERS[decoder](used, channels, outputs)

    @property
    def output_count(self) -> int:
        """The maps."""
        return self.outputs

    def make_equivariant(self) -> None:
        """Average the decoder's kernels over the quarter turns.

        The output then turns with the features exactly, where the sides of their maps are
        multiples of each other (an ``image_size`` that the largest stride in use divides).
        """
        turn_filters(self.decoder, "mean", "views.equivariant=true")

    @property
    def reads(self) -> tuple[int, ...]:
        """The decoder's levels."""
        return self.decoder.strides

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        self.decoder.narrow(kept)

    def forward(self, features: Features) -> Tensor:
        """Maps (n, outputs, h, w) at the finest stride in use."""
        maps: Tensor = self.decoder(features)
        return maps

    def enlarged(self, raw: Tensor) -> Tensor:
        """Raw output at the size of the picture, bilinearly and in full precision."""
        return upsample(full_precision(raw), [self.image_size] * 2)
