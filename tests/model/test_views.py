"""The members of ``views=``."""

from typing import Any

import pytest
import torch
from views_kit import network, views

from mtl.errors import UserError


def refused(member: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        views(member, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_single_is_the_same_tensor() -> None:
    image = torch.randn(2, 3, 8, 8)
    single = views("single")
    assert single(image) is image
    assert single.count == 1
    assert views("single", checkpointing=True).checkpointing


def test_rotations() -> None:
    image = torch.randn(2, 3, 8, 8)
    turned = views("rotations")
    stacked = turned(image)
    for number in range(4):
        expected = image.rot90(number, (-2, -1))
        assert torch.equal(stacked[2 * number : 2 * number + 2], expected)
    assert [p.name for p in turned.placements] == ["0°", "90°", "180°", "270°"]
    assert turned.equivariant
    maps, shown = turned.back(stacked[[6, 7, 2, 3]], [3, 1], (8, 8))
    assert torch.equal(maps, torch.stack([image, image]))
    assert torch.equal(shown, torch.ones(2, 8, 8))


@pytest.mark.parametrize(
    ("angles", "closed"),
    [
        ([0, 90, 180, 270], True),
        ([-90, 0, 450, 180], True),
        ([45 * k for k in range(8)], True),
        ([10.1 + 30 * k for k in range(12)], True),
        ([0, 180], False),
        ([0], False),
        ([0, 120, 240], False),
    ],
)
def test_quarter_turns(angles: list[float], closed: bool) -> None:
    assert views("rotations", angles=angles).quarter_turns is closed
    assert not views("single").quarter_turns
    assert not views("scales").quarter_turns


def test_a_quarter_turn_of_the_image_changes_the_order_of_eight_views() -> None:
    image = torch.randn(1, 3, 16, 16)
    turned = views("rotations", angles=[45 * k for k in range(8)])
    first, second = turned(image), turned(image.rot90(1, (-2, -1)))
    assert torch.allclose(first.roll(-2, 0), second, atol=1e-5)


def test_scales() -> None:
    image = torch.ones(1, 3, 16, 16)
    scaled = views("scales", factors=[1.0, 0.5, 2.0])
    same, small, large = scaled(image).split(1)
    assert torch.equal(same, image)
    expected = torch.zeros(16, 16)
    expected[4:12, 4:12] = 1
    assert torch.allclose(small[0, 0], expected, atol=1e-6)
    assert float(large[0, 0, 1:-1, 1:-1].min()) == pytest.approx(1)
    assert [p.name for p in scaled.placements] == ["x1", "x0.5", "x2"]
    _, shown = scaled.back(torch.ones(3, 1, 16, 16), [0, 1, 2], (16, 16))
    assert torch.allclose(shown[:2], torch.ones(2, 16, 16))
    assert torch.allclose(shown[2], expected, atol=1e-6)


def test_a_scaled_picture_comes_back() -> None:
    ticks = torch.arange(32) / 32
    image = (ticks[:, None] + 0.5 * ticks).expand(1, 3, -1, -1)
    scaled = views("scales")
    maps, shown = scaled.back(scaled(image), [0, 1, 2], (32, 32))
    inside = shown > 1 - 1e-5
    inside[:, [0, 1, -2, -1]] = inside[:, :, [0, 1, -2, -1]] = False
    difference = (maps - image).abs().amax((1, 2))
    # A pixel is a step of 0.047 along the slope.
    assert float(difference[inside].max()) < 0.03


def test_tiles() -> None:
    image = torch.randn(2, 3, 8, 8)
    tiles = views("tiles")
    stacked = tiles(image)
    assert stacked.shape == (8, 3, 4, 4)
    quarters = [image[..., y : y + 4, x : x + 4] for y in (0, 4) for x in (0, 4)]
    assert torch.equal(stacked, torch.cat(quarters))
    assert not tiles.whole
    assert views("rotations").whole
    assert tiles.side == 0.5
    assert [p.name for p in tiles.placements] == ["r1c1", "r1c2", "r2c1", "r2c2"]
    maps, shown = tiles.back(stacked, range(4), (8, 8))
    assert torch.allclose(maps.sum(0), image, atol=1e-5)
    assert torch.allclose(shown.sum(0), torch.ones(8, 8), atol=1e-5)
    assert float(shown[0, :4, :4].min()) == pytest.approx(1)


def test_overlapping_tiles_and_the_whole() -> None:
    image = torch.randn(1, 3, 16, 16)
    tiles = views("tiles", grid=3, overlap=0.5, whole=True)
    # Three tiles of side 1/2, a quarter apart.
    assert tiles.side == 0.5
    stacked = tiles(image)
    assert stacked.shape == (10, 3, 8, 8)
    for number in range(9):
        y, x = 4 * (number // 3), 4 * (number % 3)
        assert torch.equal(stacked[number], image[0, :, y : y + 8, x : x + 8])
    flat = tiles(torch.full((1, 3, 16, 16), 0.25))
    assert torch.allclose(flat[-1], torch.tensor(0.25))
    assert stacked[-1].mean().item() == pytest.approx(image.mean().item(), abs=0.05)
    _, shown = tiles.back(stacked, range(10), (16, 16))
    assert torch.equal(shown[-1], torch.ones(16, 16))
    assert shown[:9].sum(0)[1, 1].item() == pytest.approx(1)
    assert shown[:9].sum(0)[8, 8].item() == pytest.approx(4)


@pytest.mark.parametrize("overlap", [0.0, 0.2])
def test_tiles_between_pixels_cover_the_image(overlap: float) -> None:
    tiles = views("tiles", grid=3, overlap=overlap)
    stacked = tiles(torch.ones(2, 3, 16, 16))
    side = round(16 * tiles.side)
    assert stacked.shape == (18, 3, side, side)
    maps, shown = tiles.back(stacked[:, :1], range(9), (16, 16))
    assert float(shown.sum(0).min()) > 0.5
    assert float((maps.sum(0) / shown.sum(0)).min()) > 0.5


@pytest.mark.parametrize("member", ["rotations", "scales", "modalities", "tiles"])
def test_gradient_to_the_image_is_finite(member: str) -> None:
    image = torch.zeros(1, 3, 16, 16, requires_grad=True)
    extra = {"names": ["rgb", "gray", "edges", "hsv", "contrast"]}
    made = views(member, **(extra if member == "modalities" else {}))
    made(image).sum().backward()
    assert image.grad is not None
    assert bool(image.grad.isfinite().all())


def test_mistakes() -> None:
    assert refused("rotations", angles=[]) == (
        "views.angles=[]: give at least one, such as [0,90,180,270]"
    )
    assert refused("rotations", angles=[0, 90, 360]) == (
        "views.angles=[0,90,360]: one is there twice"
    )
    assert refused("scales", factors=[]).startswith("views.factors=[]: give at least one")
    assert refused("scales", factors=[1, 0]) == "views.factors=[1,0]: each must be greater than 0"
    assert refused("scales", factors=[1, 1.0]) == "views.factors=[1,1.0]: one is there twice"
    assert refused("tiles", grid=1).startswith("views.grid=1: must be at least 2")
    assert refused("tiles", overlap=1.0).startswith("views.overlap=1: must be at least 0")
    assert refused("modalities", names=["rgb", "grey"]) == (
        "views.names=[rgb,grey]: did you mean gray? allowed: rgb, gray, edges, hsv, contrast"
    )
    assert refused("modalities", names=["gray", "gray"]).endswith("one is there twice")
    assert refused("modalities", names=[]).startswith("views.names=[]: give at least one")
    assert refused("modalities", adapter="x") == "views.adapter=x: allowed: repeat, learned"


@pytest.mark.parametrize("member", ["rotations", "scales", "tiles", "modalities"])
def test_networks_take_a_step(member: str) -> None:
    made = network(f"views={member}", "fusion=mean")
    out = made(torch.randn(2, 3, 32, 32))["classification"]
    assert out.shape == (2, 3)
    out.square().mean().backward()
    assert all(p.grad is not None for p in made.encoder.parameters())


def test_angles_need_not_be_whole() -> None:
    made = network("views=rotations", "views.angles=[0,22.5]", "fusion=mean")
    assert [p.name for p in made.views.placements] == ["0°", "22.5°"]
