"""What ``trainer.compile=true`` compiles computes what it computed before, for every encoder."""

import copy

import pytest
import torch
from contracts_kit import build, data, every, node, subject
from torch._dynamo.utils import counters

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", every("encoder"))
def test_compiled_is_eager(name: str) -> None:
    cfg = subject("encoder", name)
    cfg.backbone = node("backbone", "tiny")  # tracing takes as long as there are layers
    plain = build(cfg).network.train()
    compiled = copy.deepcopy(plain)
    torch._dynamo.reset()
    counters.clear()
    compiled.encoder.compile(backend="eager")
    image = data()[0].image
    torch.manual_seed(0)
    wanted = plain.features(image)
    torch.manual_seed(0)
    found = compiled.features(image)
    for task, features in wanted.items():
        for stride, maps in features.items():
            assert torch.equal(found[task][stride], maps), (task, stride)
    assert sum(counters["graph_break"].values()) == 0, dict(counters["graph_break"])
