"""Backbones of one stage that hand out several maps, and transformers with several depths."""

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.timm_model import Timm
from mtl.model.encoder.cross_stitch import CrossStitch
from mtl.model.encoder.mtan import MTAN
from mtl.model.encoder.ple import PLE
from mtl.model.encoder.shared import Shared
from mtl.model.views.single import Single

VIT = "test_vit"
SIZE = {"img_size": 32}


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 4, 2, 2)
        self.coarse = nn.Conv2d(4, 6, 2, 2)

    def forward(self, x: Tensor) -> list[Tensor]:
        fine = self.fine(x)
        return [fine, self.coarse(fine)]


def two() -> Backbone:
    outputs = (Stage("stride2", 4, 2), Stage("stride4", 6, 4))
    return Backbone({"body": Two()}, (Stage("body", 6, 4),), outputs)


def test_several_maps_of_one_stage() -> None:
    backbone, image = two(), torch.randn(2, 3, 8, 8)
    found = backbone(image)
    assert [(s, tuple(m.shape)) for s, m in found.items()] == [(2, (2, 4, 4, 4)), (4, (2, 6, 2, 2))]
    assert torch.equal(backbone.run("body", image), found[4])
    backbone.checkpointing = True
    again = backbone.train()(image)
    assert all(torch.equal(again[s], maps) for s, maps in found.items())


@pytest.mark.parametrize(
    ("kind", "strides"), [(Shared, [2, 4]), (MTAN, [2, 4]), (PLE, [2, 4]), (CrossStitch, [4])]
)
def test_encoders_hand_them_on(kind: type[Shared], strides: list[int]) -> None:
    """Those that go stage by stage have the coarsest alone."""
    encoder = kind(two, ["a", "b"], Single())
    found = encoder(torch.randn(2, 3, 8, 8))
    assert [stage.stride for stage in encoder.feature_stages] == strides
    for features in found.values():
        assert list(features) == strides
        assert [maps.shape[1] for maps in features.values()] == [4, 6][-len(strides) :]


def test_depths_of_a_transformer_lie_side_by_side() -> None:
    one, three = Timm(VIT, options=SIZE).eval(), Timm(VIT, options=SIZE, depths=3).eval()
    three.load_state_dict(one.state_dict())
    image = torch.randn(1, 3, 32, 32)
    found = three(image)[16]
    assert three.feature_stages == (Stage("body", 192, 16),)
    assert torch.equal(found[:, 128:], one(image)[16])
    reference = timm.create_model(VIT, features_only=True, out_indices=[1, 3, 5], **SIZE).eval()
    reference.model.load_state_dict(one.stages["body"].net.model.state_dict())  # type: ignore[union-attr]
    torch.testing.assert_close(found, torch.cat(reference(image), 1))


def test_depths_that_there_are_not() -> None:
    with pytest.raises(UserError, match=r"backbone.depths=7: this model has 6 blocks"):
        Timm(VIT, options=SIZE, depths=7)
    with pytest.raises(UserError, match=r"backbone.depths=2: .*outputs of several strides"):
        Timm("test_resnet", depths=2)


def test_published_files_are_brought_to_the_model(tmp_path: Path) -> None:
    """DINOv2's file has a token of its own; places known for 64 pixels are resized to 32."""
    large = timm.create_model(VIT, img_size=64).state_dict()
    file = tmp_path / "dino.pth"
    torch.save(large | {"mask_token": torch.zeros(1, 64)}, file)
    backbone = Timm(VIT, str(file), SIZE)
    inner = backbone.stages["body"].net.model  # type: ignore[union-attr]
    assert torch.equal(inner.blocks[3].attn.qkv.weight, large["blocks.3.attn.qkv.weight"])  # type: ignore[union-attr,index]
    places = inner.pos_embed  # type: ignore[union-attr]
    assert places.shape[1] < large["pos_embed"].shape[1]  # type: ignore[union-attr]
    assert torch.equal(places[:, 0], large["pos_embed"][:, 0]), "the class token's"  # type: ignore[index]
    own = tmp_path / "own.pt"
    torch.save({f"network.encoder.backbone.{k}": v for k, v in backbone.state_dict().items()}, own)
    again = Timm(VIT, str(own), SIZE).state_dict()
    assert all(torch.equal(again[name], value) for name, value in backbone.state_dict().items())
