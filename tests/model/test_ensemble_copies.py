"""``ensemble.tta``: turned and mirrored copies of the image decide together."""

import pytest
import torch
from ensemble_kit import LABELS, LOGITS, classification, network
from torch import Tensor

from mtl.data.batch import Batch, Labelled
from mtl.errors import UserError
from mtl.model.ensemble.copies import copies_of
from mtl.model.ensemble.mean import MeanEnsemble
from mtl.model.head.base import Head
from mtl.model.network import Network


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


@pytest.mark.slow
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
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
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
