"""No task's loss drowns the others: sizes of losses and gradients, and what leaves them alone."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional as F

from mtl.config.load import load
from mtl.config.paths import conf_dir
from mtl.data.batch import Batch, BoxBatch, Labelled
from mtl.data.build import build_data
from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.head.box import Box
from mtl.model.head.classification import Classification
from mtl.model.head.depth import Depth
from mtl.model.head.detection import Detection
from mtl.model.head.keypoints import Keypoints
from mtl.model.head.multilabel import Multilabel
from mtl.model.head.normals import Normals
from mtl.model.head.segmentation import Segmentation

TASKS = ["classification", "box", "segmentation"]


def start(image_size: int, images: int, *more: str) -> dict[str, tuple[float, float]]:
    """Loss and norm of the encoder's gradient of each task before the first step."""
    cfg = load(
        [
            "data=shapes",
            f"tasks=[{','.join(TASKS)}]",
            f"image_size={image_size}",
            f"batch_size={images}",
            f"data.train={images}",
            "data.val=2",
            "data.test=2",
            *more,
        ]
    )
    torch.manual_seed(0)
    data = build_data(cfg)
    network = build_network(cfg, data.targets).train()
    batch = next(iter(data.train_dataloader()))
    assert isinstance(batch, Batch)
    batch = replace(batch, image=data.normalise(batch.image))
    parameters = list(network.encoder.parameters())
    found = {}
    for task, (raw, labels) in network.labelled_outputs(batch).items():
        loss = network.loss(task, raw, labels)
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        norm = torch.stack([g.norm() for g in gradients if g is not None]).norm()
        found[task] = (loss.item(), norm.item())
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("image_size", "images"), [(32, 32), (64, 32), (224, 12)])
def test_tasks_on_shapes_begin_alike(image_size: int, images: int) -> None:
    # Loss / gradient on the first batch (32, 32 and 8 images) of 640:
    #           classification   box          segmentation
    #   32 px   1.89 / 2.57      1.27 / 1.54  2.16 / 1.26
    #   64 px   1.85 / 1.42      1.28 / 1.62  2.17 / 0.77
    #  224 px   1.90 / 3.13      1.22 / 1.28  2.23 / 1.13
    # After 150 steps at 32 px 0.48, 0.15 and 0.41; after 100 at 64 px 1.71, 0.46 and 0.55.
    found = start(image_size, images)
    losses = [loss for loss, _ in found.values()]
    norms = [norm for _, norm in found.values()]
    assert set(found) == set(TASKS)
    assert max(losses) < 3 * min(losses)
    assert max(norms) < 3.5 * min(norms)


STAGES = (Stage("a", 8, 4), Stage("b", 16, 8))


def maps(n: int) -> dict[int, Tensor]:
    torch.manual_seed(3)
    return {s.stride: torch.randn(n, s.channels, 32 // s.stride, 32 // s.stride) for s in STAGES}


def boxes(n: int, per_image: int) -> BoxBatch:
    torch.manual_seed(4)
    corner = torch.rand(n, per_image, 2) * 30
    xyxy = torch.cat((corner, corner + 5 + torch.rand(n, per_image, 2) * 20), dim=2)
    labels = torch.randint(0, 3, (n, per_image))
    return BoxBatch(xyxy, labels, torch.zeros(n, per_image, dtype=torch.bool))


CLASSES = ("x", "y", "z")
HEADS: dict[str, tuple[type[Any], Any, Any]] = {
    "classification": (Classification, "label", torch.tensor([0, 2, 1])),
    "multilabel": (Multilabel, "labels", torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 1]])),
    "box": (Box, "boxes", torch.rand(3, 4) * 60),
    "detection": (Detection, "boxes", boxes(3, 4)),
    "detection of nothing": (Detection, "boxes", boxes(3, 0)),
    "keypoints": (Keypoints, "keypoints", torch.rand(3, 3, 3) * 30),
    "segmentation": (Segmentation, "mask", torch.randint(0, 3, (3, 32, 32))),
    "depth": (Depth, "depth", 1 + torch.rand(3, 32, 32)),
    "normals": (Normals, "normals", F.normalize(torch.randn(3, 32, 32, 3), dim=-1)),
}


def twice(value: Any) -> Any:
    if isinstance(value, BoxBatch):
        parts = (value.xyxy, value.labels, value.difficult)
        return BoxBatch(*(torch.cat((part, part)) for part in parts))
    return torch.cat((value, value))


@pytest.mark.parametrize("name", HEADS)
def test_a_batch_twice_costs_what_it_costs_once(name: str) -> None:
    """The mean over samples, never the sum."""
    kind, target, value = HEADS[name]
    head = kind(target=Target(target, CLASSES), stages=STAGES, image_size=32).eval()
    features = maps(3)
    once = head.loss(head(features), Labelled(torch.arange(3), value))
    raw = head({stride: twice(found) for stride, found in features.items()})
    both = head.loss(raw, Labelled(torch.arange(6), twice(value)))
    torch.testing.assert_close(both, once)


def test_no_recipe_has_to_weigh_its_tasks() -> None:
    for path in sorted((conf_dir() / "experiment").glob("*.yaml")):
        recipe = OmegaConf.to_container(OmegaConf.load(path))
        heads = recipe.get("heads", {}) if isinstance(recipe, dict) else {}
        assert not [name for name, head in heads.items() if "weight" in head], path
