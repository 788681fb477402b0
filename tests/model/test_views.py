"""The members of ``views=``."""

import colorsys
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtl.config.instantiate import container, make
from mtl.config.load import load
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.model.views.base import Views
from mtl.model.views.modality import contrast, edges, gray, hsv

TARGETS = {"label": Target("label", ("a", "b", "c"))}
SMALL = ("image_size=32", "backbone.width=4", "tasks=[classification]", "data=shapes")


@cache
def defaults(member: str) -> dict[str, Any]:
    """The options of a member's yaml."""
    return container(load([f"views={member}"]).views)


def views(member: str, **options: Any) -> Views:
    """A member with the options of its yaml and others."""
    made = make({**defaults(member), **options}, Views)
    assert isinstance(made, Views)
    return made


def network(*overrides: str) -> Network:
    torch.manual_seed(0)
    return build_network(load([*SMALL, *overrides]), TARGETS)


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


def test_gray_edges_hsv_contrast_by_hand() -> None:
    colours = torch.tensor(
        [[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.2, 0.6, 0.4], [0.5, 0.5, 0.5], [0, 0, 0]]
    )
    picture = colours.T[None, :, None]
    expected = torch.tensor([0.299, 0.587, 0.114, 0.886, 0.4576, 0.5, 0])
    assert torch.allclose(gray(picture)[0, 0, 0], expected)
    reference = torch.tensor([colorsys.rgb_to_hsv(*colour) for colour in colours.tolist()])
    assert torch.allclose(hsv(picture)[0, :, 0].T, reference, atol=1e-5)
    step = torch.zeros(1, 3, 6, 6)
    step[..., 3:] = 1
    assert torch.allclose(edges(step)[0, 0, 2], torch.tensor([0.0, 0, 1, 1, 0, 0]), atol=1e-5)
    assert torch.allclose(edges(step.transpose(2, 3)), edges(step).transpose(2, 3))
    assert torch.allclose(contrast(torch.full((1, 3, 12, 12), 0.3)), torch.tensor(0.5))
    noise = torch.rand(1, 3, 32, 32)
    assert torch.allclose(contrast(noise), contrast(noise + 0.4), atol=1e-4)
    assert contrast(noise).std().item() == pytest.approx(1 / 6, abs=0.03)


def test_hsv_is_that_of_colorsys() -> None:
    colours = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    reference = torch.tensor([colorsys.rgb_to_hsv(*colour) for colour in colours.tolist()])
    assert torch.allclose(hsv(colours.T[None, :, None])[0, :, 0].T, reference, atol=1e-5)


def test_modalities_are_normalised_like_photographs() -> None:
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    every = ["rgb", "gray", "edges", "hsv", "contrast"]
    made = views("modalities", names=every, mean=mean, std=std)
    pixels = torch.rand(2, 3, 8, 8)
    shape = (1, 3, 1, 1)
    m, s = torch.tensor(mean).reshape(shape), torch.tensor(std).reshape(shape)
    image = (pixels - m) / s
    rgb, grey, edge, hue, local = (part * s + m for part in made(image).split(2))
    assert torch.equal(made(image)[:2], image)
    assert torch.allclose(rgb, pixels, atol=1e-6)
    assert torch.allclose(grey, gray(pixels).expand(-1, 3, -1, -1), atol=1e-5)
    assert torch.allclose(edge, edges(pixels).expand(-1, 3, -1, -1), atol=1e-5)
    assert torch.allclose(hue[:, 1:], hsv(pixels)[:, 1:], atol=1e-4)
    assert torch.allclose(local, contrast(pixels).expand(-1, 3, -1, -1), atol=1e-4)
    assert all(p.identity for p in made.placements)
    assert made(image).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
def test_modalities_know_the_preprocessing() -> None:
    assert container(load(["views=modalities", "backbone=resnet18"]).views)["mean"][0] == 0.485
    options = container(load(["views=modalities", "backbone=resnet18", "preprocess=none"]).views)
    assert (options["mean"], options["std"]) == ([0, 0, 0], [1, 1, 1])


def test_learned_adapters_start_as_repeating_ones_and_learn() -> None:
    options: dict[str, Any] = {"names": ["rgb", "gray", "hsv"], "adapter": "learned"}
    learned = views("modalities", **options)
    repeating = views("modalities", **{**options, "adapter": "repeat"})
    image = torch.randn(2, 3, 8, 8)
    assert torch.allclose(learned(image), repeating(image), atol=1e-5)
    assert sum(p.numel() for p in learned.parameters()) == (3 + 3) + (9 + 3)
    assert not list(repeating.parameters())
    assert set(learned.state_dict()) == {
        f"adapters.{name}.{part}" for name in ("gray", "hsv") for part in ("weight", "bias")
    }
    learned(image).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in learned.parameters())


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


def passes(made: nn.Module, image: Tensor) -> list[Tensor]:
    """Two steps, so that what the first leaves behind counts."""
    made.train()
    for _ in range(2):
        made(image)["classification"].square().mean().backward()
    return [p.grad for p in made.parameters() if p.grad is not None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "views"),
    [
        (("backbone=small_cnn", "backbone.width=4"), "rotations"),
        (("backbone=resnet18",), "rotations"),
        (("backbone=small_cnn", "backbone.width=4"), "single"),
    ],
    ids=["small_cnn", "resnet18", "single"],
)
def test_checkpointing_changes_nothing(backbone: tuple[str, ...], views: str) -> None:
    image = torch.randn(2, 3, 32, 32)
    fusion = "fusion=none" if views == "single" else "fusion=mean"
    cfg = [*(o for o in SMALL if "width" not in o), *backbone, f"views={views}", fusion]
    torch.manual_seed(0)
    plain_one = build_network(load(cfg), TARGETS)
    torch.manual_seed(0)
    saving = build_network(load([*cfg, "views.checkpointing=true"]), TARGETS)
    first, second = passes(plain_one, image), passes(saving, image)
    assert len(first) == len(second)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    for (name, a), b in zip(plain_one.named_buffers(), saving.buffers(), strict=True):
        assert torch.equal(a, b), name
    counted = [b for n, b in saving.named_buffers() if n.endswith("num_batches_tracked")]
    assert counted
    assert all(int(b) == 2 for b in counted)


def test_checkpointing_with_frozen_norms() -> None:
    image = torch.randn(2, 3, 32, 32)
    made = network("views=rotations", "fusion=mean", "views.checkpointing=true").train()
    norms = [m for m in made.encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    norms[0].eval()
    norms[1].momentum = None
    before = norms[0].running_mean.clone()
    made(image)["classification"].sum().backward()
    assert torch.equal(norms[0].running_mean, before)
    assert norms[1].momentum is None
    assert norms[1].num_batches_tracked is not None
    assert int(norms[1].num_batches_tracked) == 1


def kept_bytes(made: nn.Module, image: Tensor) -> int:
    """Bytes of all tensors that a forward pass keeps for the backward pass."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = made(image)
    del held
    return sum(storages.values())


def test_checkpointing_keeps_less() -> None:
    image = torch.randn(4, 3, 64, 64)
    cfg = ("views=rotations", "fusion=mean", "backbone.width=16")
    with_all = kept_bytes(network(*cfg).train(), image)
    with_few = kept_bytes(network(*cfg, "views.checkpointing=true").train(), image)
    assert with_few < 0.6 * with_all


def test_angles_need_not_be_whole() -> None:
    made = network("views=rotations", "views.angles=[0,22.5]", "fusion=mean")
    assert [p.name for p in made.views.placements] == ["0°", "22.5°"]
