"""What ``trainer.compile=true`` compiles computes what it computed before, for every encoder."""

import copy

import pytest
import torch
from contracts_kit import build, data, every, subject
from torch._dynamo.utils import counters

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", every("encoder"))
def test_compiled_is_eager(name: str) -> None:
    plain = build(subject("encoder", name)).network.train()
    compiled = copy.deepcopy(plain)
    torch._dynamo.reset()
    counters.clear()
    compiled.encoder.compile(backend="eager")
    image = data()[0].image
    for rows in (image, image[:1]):
        wanted, found = plain.features(rows), compiled.features(rows)
        for task, features in wanted.items():
            for stride, maps in features.items():
                assert torch.equal(found[task][stride], maps), (task, stride)
    assert sum(counters["graph_break"].values()) == 0, dict(counters["graph_break"])
