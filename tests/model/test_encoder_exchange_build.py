"""Encoders with exchange between tasks, put together by a configuration."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.learning.gradients.reach import layout
from mtl.learning.optimizer.groups import parameter_groups
from mtl.learning.weighting.equal import Equal
from mtl.model.build import build_network
from mtl.model.network import Network

pytestmark = pytest.mark.slow

TASKS = ["classification", "detection", "segmentation"]
ENCODERS = ("cross_stitch", "nddr", "mtan", "mmoe", "cgc")
BACKBONES = {
    "small_cnn": ("backbone.width=4", "stage2"),
    "resnet18": ("backbone.stem=imagenet", "layer3"),
    "timm": ("backbone.model=test_resnet", "stage4"),
}


@cache
def configured(backbone: str) -> DictConfig:
    """Composing once is far quicker than once for each encoder."""
    cfg = load(
        [
            "data=shapes",
            "data.train=4",
            "data.val=2",
            "data.test=2",
            "data.workers=0",
            "batch_size=4",
            "image_size=32",
            f"tasks=[{','.join(TASKS)}]",
            f"backbone={backbone}",
            "heads.detection.channels=32",
            "heads.detection.convs=1",
            "heads.segmentation.channels=8",
            BACKBONES[backbone][0],
        ]
    )
    OmegaConf.set_struct(cfg, False)
    return cfg


def build(encoder: str, backbone: str) -> tuple[Network, Batch]:
    torch.manual_seed(0)
    cfg = configured(backbone).copy()
    cfg.encoder = node_of("encoder", encoder)
    if encoder in ("mmoe", "cgc"):
        cfg.encoder.at = BACKBONES[backbone][1]
    data = build_data(cfg)
    data.prepare_data()
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    scaled = replace(batch, image=batch.image.float() / 128 - 1)
    return build_network(cfg, data.targets), scaled


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_one_step(encoder: str, backbone: str) -> None:
    network, batch = build(encoder, backbone)
    weighting = Equal(TASKS)
    groups = parameter_groups(network, weighting, 0.01, 1.0, 0.0, False)
    stages = {stage.name for stage in network.encoder.description}
    named = {group["name"].removesuffix(".vectors") for group in groups}
    assert named == {f"backbone.{stage}" for stage in stages} | {"encoder", "heads"}
    optimizer = torch.optim.SGD(groups, lr=0.01)
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    losses = {t: network.loss(t, *out) for t, out in network.labelled_outputs(batch).items()}
    assert list(losses) == TASKS
    weighting(losses).backward()
    optimizer.step()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert sum(not torch.equal(before[n], p) for n, p in network.named_parameters()) > 10
    assert all(value.isfinite() for value in network.gauges().values())
    assert set(network.eval().predict(batch.image)) == set(TASKS)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_losses_reach_what_was_measured(encoder: str) -> None:
    network, batch = build(encoder, "small_cnn")
    named = dict(network.encoder.named_parameters())
    measured = {id(e.parameter): e.tasks for e in layout(network, batch.image.shape[-1])}
    for task, (raw, labels) in network.labelled_outputs(batch).items():
        gradients = torch.autograd.grad(
            network.loss(task, raw, labels),
            list(named.values()),
            retain_graph=True,
            allow_unused=True,
        )
        found = {n for n, g in zip(named, gradients, strict=True) if g is not None}
        assert found == {n for n, p in named.items() if task in measured[id(p)]}
