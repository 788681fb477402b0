"""The members of ``ensemble=`` over streams."""

import pytest
import torch
from ensemble_kit import LABELS, LOGITS, STAGES, TARGETS, classification, configured, network

from mtl.data.batch import BoxBatch, Labelled
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.model.build import build_network
from mtl.model.ensemble.base import Ensemble
from mtl.model.ensemble.learned import Learned
from mtl.model.ensemble.mean import MeanEnsemble
from mtl.model.ensemble.none import NoEnsemble
from mtl.model.ensemble.parts import Parts
from mtl.model.ensemble.streams import split, together
from mtl.model.ensemble.vote import Vote
from mtl.model.ensemble.weighted import Weighted
from mtl.model.head.detection import Detection
from mtl.model.head.segmentation import Segmentation


def test_streams_of_tensors_and_dicts() -> None:
    raw = {"a": torch.arange(6), "b": torch.arange(12).view(6, 2)}
    parts = split(raw, 3)
    assert [part["a"].tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    back = together(parts, torch.cat)
    assert all(torch.equal(back[name], raw[name]) for name in raw)
    assert [len(part) for part in split(torch.zeros(0, 3), 2)] == [0, 0]


@pytest.mark.parametrize(
    "ensemble", [MeanEnsemble(2, ["a"]), Vote(2, ["a"]), Weighted(2, ["a"], [0.1, 0.9])]
)
def test_each_stream_learns_by_itself(ensemble: Ensemble) -> None:
    head = classification()
    expected = (head.loss(LOGITS[:3], LABELS) + head.loss(LOGITS[3:], LABELS)) / 2
    torch.testing.assert_close(ensemble.loss("a", head, LOGITS, LABELS), expected)


def test_losses_that_are_no_means_over_samples_are_averaged_too() -> None:
    """Dice over both streams at once would be another number, and so would an empty detection."""
    torch.manual_seed(0)
    dice = Segmentation(target=TARGETS["mask"], stages=STAGES, image_size=8, channels=8, dice=1.0)
    detection = Detection(target=TARGETS["boxes"], stages=STAGES, image_size=16, channels=32)
    empty = BoxBatch(torch.zeros(1, 0, 4), torch.zeros(1, 0).long(), torch.zeros(1, 0).bool())
    features = {4: torch.randn(2, 8, 4, 4), 8: torch.randn(2, 8, 2, 2)}
    mask = torch.randint(0, 3, (1, 8, 8), dtype=torch.uint8)
    for head, value in ((dice, mask), (detection, empty)):
        raw, labels = head(features), Labelled(torch.tensor([0]), value)
        own = [head.loss(part, labels) for part in split(raw, 2)]
        torch.testing.assert_close(
            MeanEnsemble(2, ["a"]).loss("a", head, raw, labels), sum(own) / 2
        )


def test_decisions_of_streams() -> None:
    head = classification()
    one, two = LOGITS[:3].softmax(1), LOGITS[3:].softmax(1)
    torch.testing.assert_close(MeanEnsemble(2, ["a"]).decide("a", head, LOGITS), (one + two) / 2)
    weighted = Weighted(2, ["a"], [0.1, 0.9]).decide("a", head, LOGITS)
    torch.testing.assert_close(weighted, 0.1 * one + 0.9 * two)
    torch.testing.assert_close(Vote(2, ["a"]).decide("a", head, LOGITS), head.vote([one, two]))
    torch.testing.assert_close(NoEnsemble(1, ["a"]).decide("a", head, LOGITS), LOGITS.softmax(1))
    assert torch.equal(MeanEnsemble(1, ["a"]).decide("a", head, LOGITS), LOGITS.softmax(1))


def test_weights_are_those_of_streams_or_else_of_copies() -> None:
    head = classification()
    decisions = [LOGITS[:3].softmax(1), LOGITS[3:].softmax(1)]
    of_streams = Weighted(2, ["a"], [0.1, 0.9], [0, 90])
    of_copies = Weighted(1, ["a"], [0.1, 0.9], [0, 90])
    mean = sum(decisions) / 2
    torch.testing.assert_close(of_streams.combine_copies("a", head, decisions), mean)
    weighted = 0.1 * decisions[0] + 0.9 * decisions[1]
    torch.testing.assert_close(of_copies.combine_copies("a", head, decisions), weighted)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([0.5, 0.4], "the sum is 0.9, must be 1"),
        ([0.5, 0.50001], "must be 1"),
        ([1.5, -0.5], "each must be at least 0"),
        ([0.2, 0.3, 0.5], "3 weights for 2 decisions"),
        ([1.0], "1 weight for 2 decisions"),
        (0.5, "must be a list of numbers"),
        (["a", "b"], "must be a list of numbers"),
        ([float("nan"), 1.0], "must be a list of numbers"),
    ],
)
def test_wrong_weights(weights, said: str) -> None:
    with pytest.raises(UserError, match=r"ensemble\.weights=") as caught:
        Weighted(2, ["a"], weights)
    assert said in str(caught.value)


def test_weights_may_be_off_by_a_rounding() -> None:
    Weighted(3, ["a"], [1 / 3, 1 / 3, 0.3333333])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: NoEnsemble(2, ["a"]), "nothing combines them"),
        (lambda: Vote(1, ["a"]), "a vote needs at least 2"),
        (lambda: Vote(1, ["a"], [90]), "a vote needs at least 2"),
        (lambda: Weighted(1, ["a"], [1.0]), "nothing to weigh"),
        (lambda: Learned(1, ["a"]), "nothing to weigh"),
        (lambda: Parts(1, ["a"]), "nothing to put together"),
        (lambda: Parts(4, ["a"]).check("a", classification()), "has 3 outputs, too few for 4"),
    ],
)
def test_what_cannot_be_combined(make, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_learned_weights_start_equal_and_are_a_convex_combination() -> None:
    head, ensemble = classification(), Learned(2, ["a", "b"])
    mean = (LOGITS[:3] + LOGITS[3:]) / 2
    torch.testing.assert_close(ensemble.decide("a", head, LOGITS), mean.softmax(1))
    with torch.no_grad():
        ensemble.logits["a"].copy_(torch.tensor([0.0, torch.log(torch.tensor(3.0))]))
    mixed = 0.25 * LOGITS[:3] + 0.75 * LOGITS[3:]
    torch.testing.assert_close(ensemble.decide("a", head, LOGITS), mixed.softmax(1))
    gauges = {name: round(float(value), 4) for name, value in ensemble.gauges().items()}
    assert gauges == {"a/0": 0.25, "a/1": 0.75, "b/0": 0.5, "b/1": 0.5}


def test_learning_weights_leaves_the_networks_alone() -> None:
    """Outputs get the gradient of the mean; the weights get that of the combination alone."""
    head, ensemble = classification(), Learned(2, ["a"])
    raw = LOGITS.clone().requires_grad_()
    loss = ensemble.loss("a", head, raw, LABELS)
    loss.backward()
    plain = LOGITS.clone().requires_grad_()
    MeanEnsemble(2, ["a"]).loss("a", head, plain, LABELS).backward()
    torch.testing.assert_close(raw.grad, plain.grad)
    mixed = (LOGITS[:3] + LOGITS[3:]) / 2
    # Of a softmax of two equal logits: half of each stream's part, less the mean of both.
    slope = mixed.softmax(1) - torch.eye(3)[LABELS.value]
    parts = torch.stack([(slope * own).sum(1).mean() for own in (LOGITS[:3], LOGITS[3:])])
    torch.testing.assert_close(ensemble.logits["a"].grad, (parts - parts.mean()) / 2)
    torch.testing.assert_close(
        loss.detach(),
        MeanEnsemble(2, ["a"]).loss("a", head, LOGITS, LABELS) + head.loss(mixed, LABELS),
    )


def test_learned_weights_find_the_stream_that_is_right() -> None:
    head, ensemble = classification(), Learned(2, ["a"])
    right = 4 * torch.eye(3)[LABELS.value]
    raw = torch.cat((right, -right))
    optimizer = torch.optim.SGD(ensemble.parameters(), lr=1.0)
    for _ in range(50):
        optimizer.zero_grad()
        ensemble.loss("a", head, raw, LABELS).backward()
        optimizer.step()
    assert ensemble.weights("a")[0] > 0.9


def test_parts_answer_their_own_share() -> None:
    head, ensemble = classification(), Parts(2, ["a"])
    whole = torch.cat((LOGITS[:3, :2], LOGITS[3:, 2:]), 1)
    raw = LOGITS.clone().requires_grad_()
    loss = ensemble.loss("a", head, raw, LABELS)
    torch.testing.assert_close(loss, head.loss(whole, LABELS))
    torch.testing.assert_close(ensemble.decide("a", head, LOGITS), whole.softmax(1))
    loss.backward()
    assert (raw.grad[:3, 2:] == 0).all()
    assert (raw.grad[3:, :2] == 0).all()


@pytest.mark.slow
def test_learned_weights_have_their_own_group_of_parameters() -> None:
    cfg = configured("learned", "branches")
    module = build_module(cfg, build_network(cfg, TARGETS))
    groups = module.make_optimizer(module.network, module.weighting).param_groups
    (own,) = [group for group in groups if group["name"].startswith("ensemble")]
    assert own["name"] == "ensemble.vectors"
    assert own["lr"] == cfg.lr
    assert len(own["params"]) == 4


@pytest.mark.parametrize("member", ["mean", "weighted", "vote", "learned", "parts"])
def test_branches_decide_together(member: str) -> None:
    options = {"weights": [0.1, 0.9]} if member == "weighted" else {}
    made = network(member, "branches", **options, tta=[0, "flip90"])
    decisions = made.predict(torch.randn(2, 3, 32, 32))
    assert {task: len(decision) for task, decision in decisions.items()} == dict.fromkeys(
        made.tasks, 2
    )
    torch.testing.assert_close(decisions["classification"].sum(1), torch.ones(2))
    torch.testing.assert_close(decisions["segmentation"].sum(1), torch.ones(2, 32, 32))


def test_a_task_with_fewer_outputs_than_branches() -> None:
    cfg = configured("parts", "branches")
    cfg.encoder.count = 4
    with pytest.raises(UserError, match="task classification has 3 outputs, too few for 4 streams"):
        build_network(cfg, TARGETS)
