"""Decoders of dense heads: shapes, single cells, and fewer channels."""

import pytest
import torch

from mtl.data.sample import Target
from mtl.model.backbone.base import Features, Stage
from mtl.model.backbone.rotation import turn_filters
from mtl.model.head.aspp_decoder import AsppDecoder
from mtl.model.head.depth import Depth
from mtl.model.head.dpt_decoder import DptDecoder
from mtl.model.head.pyramid_decoder import PyramidDecoder, upsample
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


def test_dpt_makes_four_levels_of_one_map() -> None:
    decoder = DptDecoder((Stage("body", 12, 14),), 8, 3)
    levels = decoder._levels({14: torch.randn(2, 12, 3, 5)})
    assert [tuple(maps.shape) for maps in levels] == [
        (2, 8, 12, 20),
        (2, 8, 6, 10),
        (2, 8, 3, 5),
        (2, 8, 2, 3),
    ]
    assert decoder.strides == (14,)
    assert decoder({14: torch.randn(2, 12, 3, 5)}).shape == (2, 3, 12, 20)
    assert decoder({14: torch.randn(1, 12, 1, 1)}).isfinite().all()


def test_dpt_refines_levels_that_are_there() -> None:
    """With convolutions that do nothing it adds up the levels, each enlarged from the last."""
    decoder = DptDecoder(STAGES, 8, 1)
    assert decoder(features()).shape == (2, 1, 8, 8)
    for name, parameter in decoder.named_parameters():
        if "layers" in name:
            torch.nn.init.zeros_(parameter)
    given = features()
    fine, middle, coarse = decoder._levels(given)
    seen: list[torch.Tensor] = []
    decoder.classify.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    decoder(given)
    wanted = fine + upsample(middle + upsample(coarse, (4, 4)), (8, 8))
    torch.testing.assert_close(seen[0], wanted)


def test_dpt_turns_with_its_map() -> None:
    decoder = DptDecoder((Stage("body", 5, 16),), 4, 2).eval()
    turn_filters(decoder, "mean", "views.equivariant=true")
    maps = torch.randn(1, 5, 4, 4)
    found = decoder({16: maps.rot90(1, (2, 3))})
    torch.testing.assert_close(found, decoder({16: maps}).rot90(1, (2, 3)))


@pytest.mark.parametrize("kind", [PyramidDecoder, AsppDecoder, DptDecoder])
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
        head = kind(target=target, stages=STAGES, image_size=32, decoder="dpt", channels=8)
        assert head.reads == (4, 8, 16)
