"""Every encoder with every fusion trains a step of every head."""

from itertools import product

import pytest
import torch
from contracts_kit import build, chosen, data, every, node

TASKS = every("head")


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "fusion"), list(product(every("encoder"), every("fusion"))))
def test_one_step(encoder: str, fusion: str) -> None:
    cfg = chosen(TASKS, encoder=node("encoder", encoder), fusion=node("fusion", fusion))
    cfg.backbone.width = 4
    module = build(cfg)
    optimizer = module.make_optimizer(module.network, module.weighting)
    batch, _ = data()
    losses = module.losses(batch)
    assert list(losses) == TASKS
    module.weighting(losses).backward()
    before = {name: p.detach().clone() for name, p in module.network.named_parameters()}
    optimizer.step()
    parts = {
        ".".join(name.split(".")[: 2 if name.startswith("heads") else 1])
        for name, p in module.network.named_parameters()
        if not torch.equal(before[name], p)
    }
    assert {"encoder", *(f"heads.{task}" for task in TASKS)} <= parts
    decisions = module.network.eval().predict(batch.image)
    rows = [module.network.head(task).unbatch(decisions[task]) for task in TASKS]
    assert [len(found) for found in rows] == [len(batch)] * len(TASKS)
