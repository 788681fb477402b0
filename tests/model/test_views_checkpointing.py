"""``views.checkpointing``: activations made again instead of kept."""

import pytest
import torch
from torch import Tensor, nn
from views_kit import SMALL, TARGETS, network

from mtl.config.load import load
from mtl.model.build import build_network


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
