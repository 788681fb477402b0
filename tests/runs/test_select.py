"""Feature selection where it is known which channels are needed."""

import math

import numpy as np
import pytest
import torch
from selection_kit import CHANNELS, NEEDED, batches, network
from torch.nn import functional as F

from mtl.data.sample import Boxes, Target
from mtl.drawing.channels import Panel, draw_channels, ordered
from mtl.errors import UserError
from mtl.runs.compression.select.budget import allowed, chosen
from mtl.runs.compression.select.l0 import L0Gates
from mtl.runs.compression.select.l1 import L1Gates
from mtl.runs.compression.select.methods import METHODS, judge
from mtl.runs.compression.select.mutual_information import binned, information
from mtl.runs.compression.select.report import overlaps, rows
from mtl.runs.compression.select.saliency import saliency
from mtl.runs.compression.select.smaller import smaller
from mtl.runs.compression.select.use import ChannelUse, groups_of


@pytest.mark.parametrize("method", METHODS)
def test_the_channel_that_a_task_needs_comes_first(method: str) -> None:
    scores = judge(method, network(), batches(), keep=1 / 6, epochs=10, seed=0)
    assert list(scores) == list(NEEDED)
    for task, needed in NEEDED.items():
        assert list(scores[task]) == [4]  # the only stride that the heads read
        order = scores[task][4].argsort(descending=True)
        assert order[0] == needed
        assert scores[task][4][order[0]] > 2 * scores[task][4][order[1]]
    kept = chosen(scores, keep=1 / 6)
    assert {task: levels[4].tolist() for task, levels in kept.items()} == {
        task: [needed] for task, needed in NEEDED.items()
    }


@pytest.mark.parametrize("gates", [L0Gates, L1Gates])
def test_gates_close_under_pressure_and_open_where_the_loss_wants_it(gates: type) -> None:
    made = gates(3, seed=0)
    before = made.open
    for _ in range(40):
        made.step(torch.tensor([-3.0, 0.0, 1.0]), pressure=2.0, rate=0.2)
    assert made.open < before
    assert made.scores.argsort(descending=True).tolist()[0] == 0
    assert made.scores[0] > 0.9
    assert made.scores[1] < 0.1


def test_hard_concrete_gates() -> None:
    """log alpha = 0: open with probability sigmoid(2/3 log 11), in the middle on average."""
    made = L0Gates(1, seed=0)
    made.parameters.zero_()
    assert made.scores.item() == pytest.approx(1 / (1 + 11 ** (-2 / 3)), abs=1e-6)
    drawn = made.sample(made.parameters, rows=4000)
    assert [drawn.min(), drawn.max()] == [0, 1]
    assert float((drawn > 0).float().mean()) == pytest.approx(made.scores.item(), abs=0.02)
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.02)


def test_a_proximal_step_takes_the_same_off_each_factor() -> None:
    made = L1Gates(3, seed=0)
    made.parameters = torch.tensor([0.1, 0.5, 1.0])
    made.step(torch.tensor([0.0, 0.0, -2.0]), pressure=2.0, rate=0.1)
    torch.testing.assert_close(made.parameters, torch.tensor([0.0, 0.3, 1.0]))


def test_saliency_is_activation_times_gradient() -> None:
    """Of cross-entropy on w · mean(a): |Σ_k (p_k - y_k) w_k| |mean(a)|, the mean over samples."""
    made, (batch,) = network(), batches(1)
    weight = made.head("a").layers.layers[-1].weight
    pooled = batch.image[:, 2:].mean((2, 3))
    wrong = (pooled @ weight.T).softmax(1) - F.one_hot(batch.targets["a"].value, 2)
    wanted = (wrong @ weight * pooled).abs().mean(0)
    torch.testing.assert_close(saliency(made, [batch])["a"][4], wanted)


def test_information_is_that_of_a_table_without_its_bias() -> None:
    from sklearn.metrics import mutual_info_score

    random = torch.Generator().manual_seed(0)
    values = torch.randn(200, 3, generator=random)
    values[:, 2] = 1.0
    number = (values[:, 0] + 0.3 * torch.randn(200, generator=random)).round()[:, None]
    found = information(values, number)
    bins = 6  # the root of 200 samples over 5 in a cell
    columns, labels = binned(values, bins), binned(number, bins)
    for place in range(2):
        counts = [len(c.unique()) for c in (columns[:, place], labels)]
        bias = (counts[0] - 1) * (counts[1] - 1) / 400
        wanted = mutual_info_score(columns[:, place], labels[:, 0]) - bias
        assert found[place, 0].item() == pytest.approx(max(0, wanted), abs=1e-6)
    assert found[0, 0] > 0.5
    assert found[2, 0] == 0  # a channel that is always the same


def test_unknown_numbers_count_for_nothing() -> None:
    sure = torch.tensor([0.0, 1.0] * 50)
    number = torch.cat([sure, torch.full((40,), torch.nan)])[:, None]
    values = torch.cat([sure, torch.zeros(40)])[:, None]
    assert information(values, number).item() == pytest.approx(math.log(2) - 1 / 200, abs=1e-6)


def test_bins_hold_equally_many() -> None:
    values = torch.arange(12.0)[:, None]
    assert binned(values, 3).flatten().bincount().tolist() == [4, 4, 4]
    few = torch.tensor([[5.0], [1.0], [5.0]])
    assert binned(few, 2).flatten().tolist() == [1, 0, 1]


def test_the_budget_is_met_exactly() -> None:
    scores = {
        "a": {4: torch.tensor([0.9, 0.1, 0.8]), 8: torch.tensor([0.2, 0.7, 0.6, 0.0, 0.5])},
        "b": {8: torch.zeros(5)},
    }
    kept = chosen(scores, 0.5)
    assert {s: i.tolist() for s, i in kept["a"].items()} == {4: [0, 2], 8: [1, 2]}
    assert kept["b"][8].tolist() == [0, 1]  # round(2.5), the first of equals
    assert {s: i.tolist() for s, i in chosen(scores, 0.01)["a"].items()} == {4: [0], 8: [1]}
    assert sum(map(len, chosen(scores, 1.0)["a"].values())) == 8
    for keep in (0.1, 0.3, 0.77):
        assert sum(map(len, chosen(scores, keep)["a"].values())) == allowed([3, 5], keep)


def use() -> ChannelUse:
    scores = {"a": {2: torch.ones(2), 4: torch.tensor([4.0, 0, 1, 0])}, "b": {4: torch.ones(4)}}
    kept = {"a": {2: torch.tensor([0]), 4: torch.tensor([0, 2])}, "b": {4: torch.tensor([2, 3])}}
    return ChannelUse("saliency", 0.5, scores, kept, {2: (("a",),), 4: (("a", "b"),)})


def test_overlap_of_tasks() -> None:
    """Of channels 0, 2 and 3 that either keeps both keep channel 2."""
    assert use().overlap("a", "b") == use().overlap("a", "b", 4) == 1 / 3
    assert use().overlap("a", "b", 2) is None
    assert overlaps(use()) == ["a and b share 33 % of the channels that either keeps"]
    assert rows(use()) == [["a", "1 of 2", "2 of 4", "3 of 6"], ["b", "-", "2 of 4", "2 of 4"]]
    plain = use().plain()
    assert plain["tasks"]["a"]["4"] == {"channels": 4, "kept": [0, 2], "scores": [4, 0, 1, 0]}
    assert plain["overlap"] == {"all": {"a/b": 1 / 3}, "2": {"a/b": None}, "4": {"a/b": 1 / 3}}


def test_tasks_that_read_the_same_maps() -> None:
    assert groups_of(network(), batches(1)[0].image) == {4: (("a", "b"),)}


def test_channels_are_drawn_by_who_keeps_them() -> None:
    """Kept by both, by a (the larger score first), by b, by none."""
    kept = np.array([[0, 1, 1, 0, 1], [0, 1, 0, 1, 0]], bool)
    scores = np.array([[0.0, 0.1, 0.2, 0.0, 0.9], [0.1, 0.1, 0.0, 0.8, 0.0]])
    panel = Panel("stride 4", ("a", "b"), scores, kept)
    assert ordered(panel).tolist() == [1, 4, 2, 3, 0]
    picture = draw_channels([panel], "score")
    assert picture.shape[1:] == (900, 3)


def test_heads_read_their_channels_and_nobody_those_of_none() -> None:
    made = network()
    kept = {"a": {4: torch.tensor([0, 2])}, "b": {4: torch.tensor([2, 3, 5])}}
    image = batches(1)[0].image
    found = smaller(made, kept, image)
    assert found.used == {4: (4, CHANNELS[4])}
    assert found.removed == frozenset()  # this encoder has no layers
    heads = {t: found.network.head(t).layers.layers[-1] for t in NEEDED}
    assert {task: layer.in_features for task, layer in heads.items()} == {"a": 2, "b": 3}
    wanted = F.linear(
        image[:, [2, 4]].mean((2, 3)), made.head("a").layers.layers[-1].weight[:, [0, 2]]
    )
    torch.testing.assert_close(found.network(image)["a"], wanted)
    assert made.head("a").layers.layers[-1].in_features == CHANNELS[4]  # left as it was
    with pytest.raises(UserError, match="select: the channels of this network have been selected"):
        smaller(found.network, kept, image)


def test_a_task_without_labels_is_named() -> None:
    (batch,) = batches(1)
    only = [type(batch)(batch.image, batch.ids, {"a": batch.targets["a"]})]
    for method in METHODS:
        with pytest.raises(UserError, match=r"has a label of task b; raise select\.images"):
            judge(method, network(), only, keep=0.5, epochs=1, seed=0)


def test_labels_as_numbers_of_whole_images() -> None:
    names = ("x", "y")
    label = Target("label", names)
    assert label.kind.numbers(torch.tensor([1, 0]), label).tolist() == [[0, 1], [1, 0]]
    labels = Target("labels", names)
    found = labels.kind.numbers(torch.tensor([[1, -1]], dtype=torch.int8), labels)
    assert found[0, 0] == 1
    assert found[0, 1].isnan()
    boxes = Target("boxes", names)
    corners, classes = np.zeros((3, 4), np.float32), np.array([1, 1, 0])
    shown = Boxes(corners, classes, np.zeros(3, bool))
    none = Boxes(corners[:0], classes[:0], np.zeros(0, bool))
    batch = boxes.kind.collate([none, shown])
    assert boxes.kind.numbers(batch, boxes).tolist() == [[0, 0], [1, 2]]
    assert boxes.kind.numbers(torch.tensor([3.0, 1.0]), boxes).tolist() == [[3], [1]]
    mask = Target("mask", ("ground", "x"))
    pixels = torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8)
    torch.testing.assert_close(mask.kind.numbers(pixels, mask), torch.tensor([[1 / 3, 2 / 3]]))
