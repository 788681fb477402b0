"""Every member trains and is evaluated on a device of its own, and mixes no devices."""

from itertools import cycle
from pathlib import Path

import pytest
import torch
from contracts_kit import build, chosen, data, every, node, subject
from other_device import DEVICE, OtherDevice

from mtl.data.build import build_data
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer

pytestmark = pytest.mark.slow

PARTS = ("encoder", "fusion", "ensemble", "views")


@pytest.mark.parametrize(
    ("weighting", "head"), list(zip(every("weighting"), cycle(every("head")), strict=False))
)
def test_trains_elsewhere(weighting: str, head: str, tmp_path: Path) -> None:
    """There are more weightings than heads, so every head is in some row."""
    quiet_lightning()
    tasks = dict.fromkeys([head, "classification", "segmentation"])
    cfg = chosen(list(tasks), weighting=node("weighting", weighting))
    cfg.backbone.width = 4
    cfg.epochs = 1
    cfg.optimizer.fused = False  # which torch has for devices of its own list
    cfg.trainer.strategy = {"_target_": "other_device.OtherDeviceStrategy"}
    cfg.trainer.inference_mode = False  # whose tensors a device in Python can't follow
    found = build_data(cfg)
    found.prepare_data()
    with OtherDevice():
        trainer = build_trainer(cfg, tmp_path, [], [])
        trainer.fit(build(cfg), datamodule=found)
    assert {f"val/{task}/loss" for task in tasks} <= trainer.callback_metrics.keys()


def test_every_head_is_in_a_row() -> None:
    assert len(every("weighting")) >= len(every("head"))


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group in PARTS for name in every(group)]
)
def test_passes_both_ways_elsewhere(group: str, name: str) -> None:
    cfg = subject(group, name)
    cfg.backbone.width = 4
    with OtherDevice():
        module = build(cfg).to(DEVICE)
        batch = data()[0].to(DEVICE)
        losses = module.losses(batch)
        torch.stack(list(losses.values())).sum().backward()
        decisions = module.network.eval().predict(batch.image)
    assert {loss.device for loss in losses.values()} == {DEVICE}
    assert decisions.keys() == losses.keys()
    assert {p.grad.device for p in module.parameters() if p.grad is not None} == {DEVICE}
