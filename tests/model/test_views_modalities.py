"""``views=modalities``: the same picture in other colours."""

import colorsys
from typing import Any

import pytest
import torch
from views_kit import views

from mtl.config.instantiate import container
from mtl.config.load import load
from mtl.model.views.modality import contrast, edges, gray, hsv


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
