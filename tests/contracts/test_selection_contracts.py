"""Networks of all encoders, fusions and heads without the channels that nobody keeps."""

import pytest
import torch
from contracts_kit import build, chosen, data, every, node

from mtl.model.channels import ChannelChoice, take_channels
from mtl.model.network import Network
from mtl.runs.compression.select.levels import fused
from mtl.runs.compression.select.methods import METHODS, judge
from mtl.runs.compression.select.smaller import equal, smaller

ENCODERS, FUSIONS = every("encoder"), every("fusion")
EXCHANGES = ("none", "concat", "attention")
COMBINATIONS = [
    (encoder, FUSIONS[place % len(FUSIONS)], EXCHANGES[place % len(EXCHANGES)])
    for place, encoder in enumerate(ENCODERS)
]
"""Every encoder, with every fusion and exchange in turn."""
TASKS = ["classification", "segmentation"]


def network(encoder: str, fusion: str, exchange: str, tasks: list[str]) -> Network:
    cfg = chosen(tasks, encoder=node("encoder", encoder), fusion=node("fusion", fusion))
    cfg.backbone.width = 4
    cfg.fusion.exchange = exchange
    made = build(cfg).network.eval()
    # Exchanges begin with zeros, where nothing could go wrong.
    for parameter in made.fusion.parameters():
        torch.nn.init.normal_(parameter)
    return made


def some(made: Network, image: torch.Tensor) -> dict[str, dict[int, torch.Tensor]]:
    """About a third of each head's channels, drawn from the first half, for each task its own."""
    random = torch.Generator().manual_seed(0)
    kept: dict[str, dict[int, torch.Tensor]] = {}
    for task, levels in fused(made, image).items():
        kept[task] = {}
        for stride, maps in levels.items():
            drawn = torch.rand(maps.shape[1] // 2, generator=random) < 0.6
            drawn[0] = True
            kept[task][stride] = drawn.nonzero().squeeze(1)
    return kept


@pytest.mark.parametrize(("encoder", "fusion", "exchange"), COMBINATIONS)
def test_outputs_are_those_of_gates_at_0(encoder: str, fusion: str, exchange: str) -> None:
    made = network(encoder, fusion, exchange, TASKS)
    image = data()[0].image[:2]
    kept = some(made, image)
    found = smaller(made, kept, image)
    other = torch.randn(3, *image.shape[1:], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert equal(found.network(other), found.masked(other))
        assert not equal(found.network(other), made(other))
    assert sum(p.numel() for p in found.network.parameters()) < sum(
        p.numel() for p in made.parameters()
    )
    assert set(found.network.heads["segmentation"].decoder.strides) <= set(found.used), (
        "half of the channels is read by nobody"
    )


def test_an_encoder_no_longer_makes_what_nobody_reads() -> None:
    made = network("shared", "mean", "none", TASKS)
    image = data()[0].image[:2]
    found = smaller(made, some(made, image), image)
    assert found.removed == {16}
    last = found.network.encoder.backbone.stages["stage3"][0]
    left = found.used[16][0]
    assert left <= 16
    assert [last.conv2.out_channels, last.bn2.num_features] == [left, left]
    assert [layer.weight.shape[0] for layer in last.downsample] == [left, left]


def test_every_head_reads_fewer() -> None:
    made = network("shared", "mean", "none", every("head"))
    image = data()[0].image[:2]
    found = smaller(made, some(made, image), image)
    for features in fused(found.network, image).values():
        assert all(maps.shape[1] < 2 * stride for stride, maps in features.items())


def test_a_state_says_what_was_chosen() -> None:
    kept = {"a": {4: torch.tensor([0, 2])}, "b_c": {4: torch.tensor([1]), 8: torch.tensor([0])}}
    made = ChannelChoice(kept)
    holder = network("shared", "mean", "none", TASKS)
    state = {f"head_channels.{name}": index for name, index in made.state_dict().items()}
    take_channels(holder, state)
    again = holder.head_channels
    assert isinstance(again, ChannelChoice)
    maps = {"a": {4: torch.rand(1, 3, 2, 2)}, "b_c": {4: torch.rand(1, 3, 2, 2)}}
    found, wanted = again(maps), made(maps)
    assert torch.equal(found["a"][4], maps["a"][4][:, [0, 2]])
    assert all(torch.equal(found[t][s], m) for t, f in wanted.items() for s, m in f.items())


@pytest.mark.parametrize("method", METHODS)
def test_every_head_is_judged(method: str) -> None:
    made = network("shared", "none", "none", every("head"))
    found = judge(method, made, [data()[0]], keep=0.5, epochs=2, seed=0)
    assert list(found) == every("head")
    for task, levels in found.items():
        assert set(levels) == set(made.head(task).reads)
        assert all(bool((s.isfinite() & (s >= 0)).all()) for s in levels.values())
