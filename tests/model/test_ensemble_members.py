"""The members of ``ensemble=`` over streams and over copies."""

import functools

import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.data.batch import Batch, BoxBatch, Labelled
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.ensemble.base import Ensemble
from mtl.model.ensemble.copies import copies_of
from mtl.model.ensemble.learned import Learned
from mtl.model.ensemble.mean import MeanEnsemble
from mtl.model.ensemble.none import NoEnsemble
from mtl.model.ensemble.parts import Parts
from mtl.model.ensemble.streams import split, together
from mtl.model.ensemble.vote import Vote
from mtl.model.ensemble.weighted import Weighted
from mtl.model.head.base import Head
from mtl.model.head.classification import Classification
from mtl.model.head.detection import Detection
from mtl.model.head.segmentation import Segmentation
from mtl.model.network import Network

STAGES = (Stage("a", 8, 4), Stage("b", 8, 8))
TARGETS = {
    "label": Target("label", ("x", "y", "z")),
    "boxes": Target("boxes", ("x", "y")),
    "mask": Target("mask", ("ground", "x", "y")),
}
BASE = [
    "tasks=[classification,segmentation,box,detection]",
    "backbone.width=4",
    "image_size=32",
    "heads.segmentation.channels=8",
    "heads.detection.channels=32",
    "heads.detection.convs=0",
    "heads.detection.score_threshold=0",
    "heads.detection.candidates=50",
    "heads.detection.detections=20",
]


def classification(**options) -> Classification:
    return Classification(
        target=TARGETS["label"], stages=STAGES, image_size=16, label_smoothing=0.0, **options
    )


def labelled(*classes: int) -> Labelled:
    return Labelled(torch.arange(len(classes)), torch.tensor(classes))


@functools.cache
def base(encoder: str) -> DictConfig:
    return load([*BASE, f"encoder={encoder}"])


def configured(ensemble: str = "none", encoder: str = "shared", **options: object) -> DictConfig:
    """As the command line would have it, but without composing everything again."""
    cfg = base(encoder).copy()
    node = node_of("ensemble", ensemble)
    with open_dict(cfg):
        cfg.ensemble = OmegaConf.merge(node, options)
    return cfg


def network(ensemble: str = "none", encoder: str = "shared", **options: object) -> Network:
    torch.manual_seed(0)
    return build_network(configured(ensemble, encoder, **options), TARGETS).eval()


LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
LABELS = labelled(0, 2, 1)


def test_copies() -> None:
    found = copies_of([0, 90, "flip", "flip90", -45.5, "flip-30"])
    assert [(p.quarters, p.flip) for p in found] == [
        (0, False),
        (1, False),
        (0, True),
        (1, True),
        (None, False),
        (None, True),
    ]
    assert copies_of([]) == ()


@pytest.mark.parametrize(
    ("tta", "said"),
    [
        ([0, 90, 0.0], "0.0 is there twice"),
        ([90, -270], "-270 is there twice"),
        (["flip", "flip0"], "flip0 is there twice"),
        (["mirror"], "mirror is no copy; allowed: angles in degrees, flip, flip90"),
        ([True], "True is no copy"),
        ([None], "None is no copy"),
        ([float("inf")], "inf is no copy"),
    ],
)
def test_what_is_no_copy(tta: list, said: str) -> None:
    with pytest.raises(UserError, match=r"ensemble\.tta") as caught:
        MeanEnsemble(1, ["a"], tta)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize("member", ["mean", "vote", "none"])
def test_all_quarter_turns_make_decisions_turn_with_the_image(member: str) -> None:
    made, turn = network(member, tta=[0, 90, 180, 270]), 3
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    upright, turned = made.predict(image), made.predict(image.rot90(turn, (-2, -1)))
    close = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(turned["classification"], upright["classification"], **close)
    masks = upright["segmentation"].rot90(turn, (-2, -1))
    torch.testing.assert_close(turned["segmentation"], masks, **close)
    there = network_box(made, upright["box"], turn)
    torch.testing.assert_close(turned["box"], there, rtol=0, atol=1e-4)


def network_box(made: Network, boxes: Tensor, turn: int) -> Tensor:
    """Boxes of an image where the turned image has them."""
    return made.head("box").carry_back(boxes, copies_of([-90 * turn])[0])


def test_the_image_itself_as_the_only_copy_changes_nothing() -> None:
    image = torch.randn(2, 3, 32, 32)
    plain, copied = network(), network(tta=[0])
    for task, decision in plain.predict(image).items():
        if isinstance(decision, Tensor):
            assert torch.equal(decision, copied.predict(image)[task])


def test_one_turned_copy_is_carried_back() -> None:
    made = network(tta=[90])
    image = torch.randn(1, 3, 32, 32)
    decisions = made.predict(image)
    direct = network().predict(image.rot90(1, (-2, -1)))
    assert torch.equal(decisions["classification"], direct["classification"])
    back = direct["segmentation"].rot90(-1, (-2, -1))
    assert torch.equal(decisions["segmentation"], back)


def test_labelled_samples_are_decided_as_in_predict() -> None:
    made = network("vote", tta=[0, 90, 45])
    image = torch.randn(3, 3, 32, 32)
    labels = Labelled(torch.tensor([0, 2]), torch.tensor([1, 1]))
    batch = Batch(image, list("abc"), {"label": labels})
    calls = []
    handle = made.encoder.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        decisions = made.decisions(batch, made.labelled_outputs(batch))
    handle.remove()
    assert len(calls) == 3  # the image itself is not looked at twice
    assert list(decisions) == ["classification"]
    whole = made.predict(image)["classification"]
    torch.testing.assert_close(decisions["classification"], whole[[0, 2]])


def test_the_loss_is_that_of_the_image_itself() -> None:
    head: Head = classification()
    for tta in ([], [90, 180]):
        assert torch.equal(
            MeanEnsemble(1, ["a"], tta).loss("a", head, LOGITS[:3], LABELS),
            head.loss(LOGITS[:3], LABELS),
        )
