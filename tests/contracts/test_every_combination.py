"""Every encoder with every fusion and every head trains a step."""

from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from mtl.config.groups import members
from mtl.config.load import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.model.build import build_network

SIZE = 32
BASE = [
    "data.train=8",
    "data.val=2",
    "data.test=2",
    "backbone.width=4",
    f"image_size={SIZE}",
    "batch_size=8",
    "views=rotations",
    "views.angles=[0,90]",
    "ensemble=mean",
    "heads.detection.channels=32",
    "heads.segmentation.channels=8",
]
ENCODERS, FUSIONS, HEADS = (sorted(members(group)) for group in ("encoder", "fusion", "head"))


@cache
def configured(*overrides: str) -> DictConfig:
    return load([*BASE, f"tasks=[{','.join(HEADS)}]", *overrides])


@pytest.fixture(scope="module")
def batch() -> tuple[Batch, Any]:
    data = build_data(configured())
    data.prepare_data()
    (found,) = list(data.loader("train"))
    return data.finish(found, training=False), data.targets


@pytest.mark.parametrize(("encoder", "fusion", "head"), list(product(ENCODERS, FUSIONS, HEADS)))
def test_one_step(encoder: str, fusion: str, head: str, batch: tuple[Batch, Any]) -> None:
    cfg = configured().copy()
    cfg.encoder = configured(f"encoder={encoder}").encoder
    cfg.fusion = configured(f"fusion={fusion}").fusion
    cfg.tasks = [head, "box" if head == "classification" else "classification"]
    cfg.heads = {task: cfg.heads[task] for task in cfg.tasks}
    images, targets = batch
    torch.manual_seed(0)
    module = build_module(cfg, build_network(cfg, targets))
    optimizer = module.make_optimizer(module.network, module.weighting)
    losses = module.losses(images)
    assert list(losses) == list(cfg.tasks)
    module.weighting(losses).backward()
    before = {name: p.detach().clone() for name, p in module.network.named_parameters()}
    optimizer.step()
    parts = {
        name.split(".")[0] + ("." + name.split(".")[1] if name.startswith("heads") else "")
        for name, p in module.network.named_parameters()
        if not torch.equal(before[name], p)
    }
    assert {"encoder", *(f"heads.{task}" for task in cfg.tasks)} <= parts
    decisions = module.network.eval().predict(images.image)
    rows = [module.network.head(task).unbatch(decisions[task]) for task in cfg.tasks]
    assert [len(found) for found in rows] == [len(images)] * len(cfg.tasks)
