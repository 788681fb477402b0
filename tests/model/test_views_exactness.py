"""With all quarter turns, a shared encoder and a mean, what is said turns with the image."""

import pytest
import torch

from mtl.config.load import load
from mtl.data.sample import Target
from mtl.model.build import build_network
from mtl.model.network import Network

pytestmark = pytest.mark.slow

TARGETS = {"label": Target("label", ("a", "b", "c")), "mask": Target("mask", ("none", "a", "b"))}


def network(*overrides: str) -> Network:
    torch.manual_seed(0)
    cfg = load(["data=shapes", "image_size=32", "views=rotations", "fusion=mean", *overrides])
    made = build_network(cfg, TARGETS)
    made.train()
    with torch.no_grad():
        for _ in range(3):  # so that running statistics and biases are not those of the start
            made(torch.randn(8, 3, 32, 32))
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return made.eval()


@pytest.mark.parametrize("backbone", ["small_cnn", "resnet18"])
@torch.no_grad()
def test_classification_is_invariant(backbone: str) -> None:
    made = network("tasks=[classification]", f"backbone={backbone}")
    image = torch.randn(2, 3, 32, 32)
    still = made(image)["classification"]
    for quarters in (1, 2, 3):
        turned = made(image.rot90(quarters, (-2, -1)))["classification"]
        assert float((turned - still).abs().max()) <= 1e-5 * max(1.0, float(still.abs().max()))


@torch.no_grad()
def test_segmentation_is_equivariant() -> None:
    made = network("tasks=[segmentation]")
    image = torch.randn(2, 3, 32, 32)
    still = made.predict(image)["segmentation"].float()
    for quarters in (1, 2, 3):
        turned = made.predict(image.rot90(quarters, (-2, -1)))["segmentation"].float()
        difference = turned.rot90(-quarters, (-2, -1)) - still
        assert float(difference.abs().max()) <= 1e-5
