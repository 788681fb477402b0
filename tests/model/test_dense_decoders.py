"""Decoders of dense heads: shapes, single cells, and fewer channels."""

import pytest
import torch

from mtl.data.sample import Target
from mtl.model.backbone.base import Features, Stage
from mtl.model.head.aspp_decoder import AsppDecoder
from mtl.model.head.depth import Depth
from mtl.model.head.pyramid_decoder import PyramidDecoder
from mtl.model.head.segmentation import Segmentation

STAGES = (Stage("a", 4, 4), Stage("b", 6, 8), Stage("c", 8, 16))


def features(side: int = 32) -> Features:
    return {s.stride: torch.randn(2, s.channels, *[-(-side // s.stride)] * 2) for s in STAGES}


def test_aspp_looks_as_far_as_deeplab_at_its_stride() -> None:
    decoder = AsppDecoder(STAGES, 64, 3)
    assert [look[0].dilation[0] for look in decoder.looks] == [1, 6, 12, 18]  # type: ignore[index]
    coarser = AsppDecoder((Stage("d", 4, 32),), 64, 3)
    assert [look[0].dilation[0] for look in coarser.looks] == [1, 3, 6, 9]  # type: ignore[index]
    assert decoder.strides == (4, 16)
    assert decoder(features()).shape == (2, 3, 8, 8)
    assert decoder({4: torch.randn(1, 4, 1, 1), 16: torch.randn(1, 8, 1, 1)}).isfinite().all()
    assert coarser({32: torch.randn(1, 4, 2, 2)}).shape == (1, 3, 2, 2)


def test_aspp_sees_what_is_far_away_and_what_is_fine() -> None:
    decoder = AsppDecoder(STAGES, 8, 1).eval()
    given = {stride: maps.requires_grad_() for stride, maps in features(64).items()}
    decoder(given)[0, 0, 0, 0].backward()
    fine, coarse = given[4].grad, given[16].grad
    assert fine is not None
    assert coarse is not None
    assert coarse[0].ne(0).any(0).all()
    assert fine[0].ne(0).any(0).sum() > 1
    assert given[8].grad is None


@pytest.mark.parametrize("kind", [PyramidDecoder, AsppDecoder])
def test_reading_fewer_channels_is_reading_zeros(kind: type[PyramidDecoder]) -> None:
    decoder, given = kind(STAGES, 8, 2).eval(), features()
    kept = {s.stride: torch.arange(1, s.channels, 2) for s in STAGES}
    for stride, maps in given.items():
        others = [c for c in range(maps.shape[1]) if c not in kept[stride].tolist()]
        maps[:, others] = 0
    whole = decoder(given)
    decoder.narrow(kept)
    fewer = decoder({stride: maps[:, kept[stride]] for stride, maps in given.items()})
    torch.testing.assert_close(fewer, whole)


def test_heads_take_their_decoder_by_name() -> None:
    for kind, target in ((Segmentation, Target("mask", ("a", "b"))), (Depth, Target("depth"))):
        head = kind(target=target, stages=STAGES, image_size=32, decoder="aspp", channels=8)
        assert head.reads == (4, 16)
        assert head(features()).shape[-2:] == (8, 8)
