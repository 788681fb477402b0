"""Trees whose parents are chosen, on numbers worked out by hand."""

import math
from pathlib import Path

import pytest
import torch
from exchange_kit import TASKS, backbones, image, make
from ranks_kit import PARTIAL
from resume_kit import resumed
from torch import Tensor, nn

from mtl.model.encoder.ltb import LTB

Tree = dict[str, list[list[float]]]
CHAIN: Tree = {
    # Nodes 0 and 1 of the second stage come from node 2 of the first, node 2 from node 0.
    "second": [[0, 0, 1], [0, 0, 1], [1, 0, 0]],
    # Tasks a and b go by node 1, task c by node 2.
    "tasks": [[0, 1, 0], [0, 1, 0], [0, 0, 1]],
}


def encoder_of(tree: Tree, strength: float = 50.0) -> LTB:
    encoder = make("ltb")
    assert isinstance(encoder, LTB)
    for level, rows in tree.items():
        for logits, row in zip(
            encoder.get_submodule(f"choices.{level}").parameters(), rows, strict=True
        ):
            logits.data = strength * torch.tensor(row).double()
    return encoder


def ways(encoder: LTB) -> dict[str, dict[int, Tensor]]:
    """What the three tasks get by ``CHAIN``."""
    nodes = backbones(encoder)
    firsts = [node.run("first", image()) for node in nodes]
    ab = {2: firsts[2], 4: nodes[1].run("second", firsts[2])}
    return {"a": ab, "b": ab, "c": {2: firsts[0], 4: nodes[2].run("second", firsts[0])}}


def test_evaluation_goes_by_the_most_likely_parents() -> None:
    encoder = encoder_of(CHAIN, strength=0.1).eval()
    found, wanted = encoder(image()), ways(encoder)
    for task in TASKS:
        assert list(found[task]) == [2, 4]
        assert all(torch.equal(found[task][s], maps) for s, maps in wanted[task].items())
    gauges = {name: float(value) for name, value in encoder.gauges().items()}
    assert gauges["in_common/a/b"] == 2
    assert gauges["in_common/a/c"] == 0
    # exp(0.1) / (exp(0.1) + 2)
    assert gauges["sure/second"] == pytest.approx(0.35591, abs=1e-4)


def test_sure_choices_are_no_mixtures_in_training_either() -> None:
    encoder = encoder_of(CHAIN)
    encoder.begin_step(1.0)
    found, wanted = encoder(image()), ways(encoder)
    for task in TASKS:
        for stride, maps in wanted[task].items():
            torch.testing.assert_close(found[task][stride], maps)


def test_samples_are_seeded_mixtures() -> None:
    encoder = encoder_of({})
    torch.manual_seed(3)
    first = torch.stack(encoder.chosen("second"))
    torch.manual_seed(3)
    assert torch.equal(torch.stack(encoder.chosen("second")), first)
    assert not torch.equal(torch.stack(encoder.chosen("second")), first)
    torch.testing.assert_close(first.sum(1), torch.ones(3).double())


def test_the_temperature_falls_by_the_same_factor() -> None:
    """From 4 to 1: half way at 2, where logits of 0 and 2 ln 3 without noise are 1 to 3."""
    encoder = make("ltb", tasks=["a", "b"], temperature=4.0, final_temperature=1.0)
    assert isinstance(encoder, LTB)
    found = []
    for progress in (0.0, 0.5, 1.0):
        encoder.begin_step(progress)
        found.append(float(encoder.temperature))
    assert found == pytest.approx([4, 2, 1])
    encoder.begin_step(0.5)
    (logits, _) = encoder.get_submodule("choices.second").parameters()
    logits.data[1] = 2 * math.log(3)
    torch.manual_seed(0)
    noise = -torch.empty(2, dtype=torch.float64).exponential_().log()
    torch.manual_seed(0)
    chosen = encoder.chosen("second")[0].detach()
    ratio = chosen[1] / chosen[0] / ((noise[1] - noise[0]) / 2).exp()
    assert float(ratio) == pytest.approx(3)
    assert "temperature" not in encoder.state_dict(), "the epoch says it"


def test_choices_learn_from_every_task_that_goes_by_them() -> None:
    encoder = encoder_of({}).eval()
    encoder(image())["a"][4].sum().backward()
    for level in ("second", "tasks"):
        moved = [p.grad is not None and bool(p.grad.any()) for p in parameters(encoder, level)]
        assert any(moved)
    assert {p.ndim for level in ("second", "tasks") for p in parameters(encoder, level)} == {1}


def parameters(encoder: nn.Module, level: str) -> list[nn.Parameter]:
    return list(encoder.get_submodule(f"choices.{level}").parameters())


@pytest.mark.slow
def test_a_resumed_tree_is_the_unbroken_one(tmp_path: Path) -> None:
    own = ["encoder=ltb", "batch_size=8", "epochs=3", "lr=0.05", "test=false", "trainer=cpu"]
    quiet = ["callbacks.figures.enabled=false", "logger=none"]
    state = resumed([*PARTIAL.split(), *own, *quiet], tmp_path, epoch=2)
    choices = [value for name, value in state.items() if ".choices." in name]
    assert len(choices) == 4
    assert all(value.any() for value in choices)
