"""Which channels belong together, what they cost, and which go."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.resized import settle, take_shapes
from mtl.runs.compression.channels.costs import Costs
from mtl.runs.compression.channels.coupling import coupling
from mtl.runs.compression.channels.cut import cut
from mtl.runs.compression.channels.digits import decoded, digits
from mtl.runs.compression.channels.importance import magnitude, taylor
from mtl.runs.compression.channels.tried import that_can_go
from mtl.runs.compression.prune.choice import Shrinking, by_worth, evenly


class Small(nn.Module):
    """A residual block of 4 channels, a depthwise layer, a scalar gate, a vector, two norms."""

    image_channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.fusion = nn.Identity(), nn.Identity()
        self.first = nn.Conv2d(3, 4, 1)
        self.inner = nn.Conv2d(4, 6, 1)
        self.norm = nn.GroupNorm(3, 6)
        self.outer = nn.Conv2d(6, 4, 1)
        self.depth = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.batch = nn.BatchNorm2d(4)
        self.gate = nn.Linear(4, 1)
        self.scale = nn.Parameter(torch.rand(4, 1, 1))
        self.last = nn.Linear(4, 2)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.first(self.fusion(self.encoder(image)))
        x = x + self.outer(self.norm(self.inner(x)).relu())
        x = self.batch(self.depth(x)) * self.scale
        x = x.mean((2, 3))
        return {"task": self.last(x * self.gate(x).sigmoid())}


@pytest.fixture
def small() -> Any:
    torch.manual_seed(0)
    return Small().eval()


def test_marks_are_read_back_and_mixtures_are_seen():
    sets = digits(5)
    assert sets.shape == (6, 5)
    swapped = sets[:, [4, 0]]
    assert decoded(swapped, 5)[0].tolist() == [4, 0]
    assert decoded(sets[:, :1] & False, 5)[0].tolist() == [-1]
    mixed = np.stack([sets[:, 1] | sets[:, 2], sets[:, 3]], axis=1)
    source, is_mixed = decoded(mixed, 5)
    assert source.tolist() == [-1, 3]
    assert is_mixed


def test_what_is_added_gated_and_normalised_goes_together(small):
    found = coupling(small, 8)
    sizes = sorted(group.units.shape for group in found.groups)
    # Norms of two channels: 3 units of inner's outputs, the norm's and outer's inputs, two each.
    # The block: first, inner's inputs, outer, depth, batch, gate, scale, last: 8 places a channel.
    assert sizes == [(3, 6), (4, 8)]
    assert list(found.left) == ["gate", "last"]


def test_a_cut_network_is_the_one_in_which_nobody_reads_what_has_gone(small):
    image = torch.randn(2, 3, 8, 8)
    found = coupling(small, 8)
    block = next(group for group in found.groups if len(group) == 4)
    gone = block.units[1]
    whole = {name: value.clone() for name, value in small.state_dict().items()}
    for layer in (small.inner, small.gate, small.last):
        layer.weight.data[:, 1] = 0
    wanted = small(image)["task"]
    small.load_state_dict(whole)
    cut(found, gone)
    assert (small.first.out_channels, small.depth.groups, small.batch.num_features) == (3, 3, 3)
    assert small.scale.shape == (3, 1, 1)
    torch.testing.assert_close(small(image)["task"], wanted)

    again = Small().eval()
    take_shapes(again, small.state_dict())
    again.load_state_dict(small.state_dict())
    assert torch.equal(again(image)["task"], small(image)["task"])


class Split(Small):
    """Its inner channels come in two parts: by a number, of the same size, or by a place."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.norm = nn.Identity()  # type: ignore[assignment]
        self.kind = kind

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.first(image)
        y = self.inner(x)
        n, _, h, w = y.shape
        if self.kind == "place":
            y = torch.cat((2 * y[:, :3], y[:, 3:]), 1)
        else:
            parts = y.view(n, 2, 3 if self.kind == "number" else -1, h, w)
            y = (parts * torch.tensor([2.0, 1.0]).view(2, 1, 1, 1)).flatten(1, 2)
        return {"task": self.last((x + self.outer(y)).mean((2, 3)))}


@pytest.mark.parametrize("kind", ["number", "same size", "place"])
def test_channels_that_are_counted_in_the_code_stay(kind):
    """Without one of them it fails, or takes another for it."""
    torch.manual_seed(0)
    network: Any = Split(kind).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = coupling(network, 8)
    assert sorted(len(group) for group in found.groups) == [4, 6]
    left = that_can_go(network, found, 8)
    assert [len(group) for group in left.groups] == [4]
    assert list(left.left) == ["inner", "last"]
    assert all(torch.equal(value, before[n]) for n, value in network.state_dict().items())


def test_all_go_where_nothing_is_counted(small):
    found = coupling(small, 8)
    assert that_can_go(small, found, 8) == found


def test_shapes_that_are_no_part_are_refused(small):
    state = {"first.weight": torch.zeros(5, 3, 1, 1)}
    with pytest.raises(UserError, match=r"first\.weight is \(5, 3, 1, 1\), which is no part of"):
        take_shapes(small, state)


def test_group_norms_keep_their_groups_size():
    norm = nn.GroupNorm(4, 8)
    norm.weight = nn.Parameter(torch.ones(6))
    settle(norm)
    assert (norm.num_channels, norm.num_groups) == (6, 3)


def test_taylor_is_weight_times_gradient_of_all_who_read(small):
    """Each task's squares are shares: they sum to its weight."""
    found = coupling(small, 8)
    small.tasks = ("task",)
    batches = [torch.randn(2, 3, 8, 8) for _ in range(2)]
    small.labelled_outputs = lambda batch: {"task": (small(batch)["task"], None)}
    small.loss = lambda task, raw, labels: raw.square().sum()
    scores = taylor(small, found, batches, {"task": 3.0})
    assert sum(values.sum() for values in scores) == pytest.approx(3)

    place = next(n for n, group in enumerate(found.groups) if len(group) == 3)
    effects = []
    for batch in batches:
        (gradient,) = torch.autograd.grad(small(batch)["task"].square().sum(), small.outer.weight)
        each = (gradient * small.outer.weight).sum((0, 2, 3)).view(3, 2).sum(1)
        effects.append(each.detach().square())
    wanted = torch.stack(effects).sum(0).double().numpy()
    assert scores[place] / scores[place].sum() == pytest.approx(wanted / wanted.sum(), rel=1e-4)
    assert all(values.mean() == pytest.approx(1) for values in magnitude(found))


def layers(*pairs: tuple[int, int]) -> Costs:
    ins, outs = (np.array(side, float) for side in zip(*pairs, strict=True))
    return Costs(ins, outs, np.ones(len(pairs)), np.ones(len(pairs), dtype=bool), rest=4.0)


def state(scores: list[float], ins: list[float], outs: list[float], **options: int) -> Shrinking:
    return Shrinking(
        np.arange(len(scores)),
        np.array(scores),
        np.array(ins),
        np.array(outs),
        **{"block": 1, "least": 1, **options},
    )


def test_what_is_worth_least_for_its_cost_goes_first():
    # 2x4 and 4x3, and 4 more: 24 multiply-adds; a unit of the middle costs 2 + 3, of the end 4.
    costs = layers((2, 4), (4, 3))
    assert costs.total == 24
    middle, end = state([1, 2, 9, 9], [0, 1], [1, 0]), state([0.9, 5, 9], [0, 0], [0, 1])
    by_worth([middle, end], costs, 19)
    assert (middle.gone, end.gone, costs.total) == (1, 0, 19)
    # Now a unit of the end costs 3, which 0.9 is 0.3 of; one of the middle 5, which 2 is 0.4 of.
    by_worth([middle, end], costs, 16)
    assert (middle.gone, end.gone, costs.total) == (1, 1, 16)


def test_layers_are_left_with_multiples_and_never_with_less_than_the_least():
    costs = layers((1, 10))
    group = state([0.0] * 10, [0], [1], block=4, least=3)
    sizes = []
    while group.next:
        sizes.append(group.next)
        group.gone += group.next
    assert sizes == [2, 4]
    evenly([state([0.0] * 10, [0], [1], least=8)], costs, 0)
    assert costs.total == 12


def test_evenly_takes_the_same_share():
    costs = layers((1, 4), (1, 8))
    small_, large = state([0.0] * 4, [0, 0], [1, 0]), state([0.0] * 8, [0, 0], [0, 1])
    evenly([small_, large], costs, 10)
    assert (small_.gone, large.gone) == (2, 4)


def test_views_of_one_picture_are_told_from_pictures(small):
    """Streams lie one after the other in the batch."""

    class Twice(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return torch.cat([image, image.flip(3)])

    small.encoder = Twice()
    assert sorted(g.units.shape for g in coupling(small, 8).groups) == [(3, 6), (4, 8)]
