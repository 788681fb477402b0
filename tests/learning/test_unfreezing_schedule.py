"""When stages train, by hand."""

import math

import pytest

from mtl.errors import UserError
from mtl.learning.plateau import Plateau
from mtl.learning.unfreezing.frozen import Frozen
from mtl.learning.unfreezing.schedule import evenly, stepwise
from mtl.learning.unfreezing.staged import Staged

RESNET = ("stem", "layer1", "layer2", "layer3", "layer4")


@pytest.mark.parametrize(
    ("epochs", "since"),
    [
        (30, (25, 20, 15, 10, 5)),
        (10, (8, 6, 5, 3, 1)),
        (6, (5, 4, 3, 2, 1)),
        (3, (2, 2, 1, 1, 1)),
        (2, (1, 1, 1, 1, 1)),
        (1, (0, 0, 0, 0, 0)),
    ],
)
def test_even_spells(epochs: int, since: tuple[int, ...]) -> None:
    """Stage k of 5 from the end: k * epochs // 6, but not before 1."""
    assert evenly(RESNET, epochs) == dict(zip(RESNET, since, strict=True))


def test_every_so_many_epochs() -> None:
    assert stepwise(("stem", "layer1", "layer2"), 4) == {"layer2": 4, "layer1": 8, "stem": 12}


def test_plateau_counts_values_without_progress() -> None:
    plateau = Plateau(patience=2, min_delta=0.1)
    values = (0.5, 0.55, 0.61, 0.7, 0.7, 0.9, math.nan, 0.95, 0.5, 0.5)
    found = [plateau.reached(value, "max") for value in values]
    #               best  no     best   no     end   best   no     end   no     end
    assert found == [False, False, False, False, True, False, False, True, False, True]
    assert plateau.state_dict() == {"best": 0.9, "waited": 0}


def test_plateau_of_a_loss_goes_down() -> None:
    plateau = Plateau(patience=1, min_delta=0.0)
    assert [plateau.reached(v, "min") for v in (3.0, 2.0, 2.0, 1.0)] == [False, False, True, False]


def test_plan_of_a_mapping_leaves_the_others_frozen() -> None:
    staged = Staged({"layer4": 0, "layer3": 2}, None, 3, 0.0)
    staged.stages = RESNET
    staged.since = staged.plan(RESNET, 4)
    assert staged.frozen(0) == {"stem", "layer1", "layer2", "layer3"}
    assert staged.frozen(2) == {"stem", "layer1", "layer2"}
    assert staged.describe() == (
        "unfreezing: layer4 from epoch 1; layer3 from epoch 3; stem, layer1, layer2 frozen"
    )
    assert [staged.more_to_come(epoch, 4) for epoch in (0, 1, 2)] == [True, True, False]
    assert not staged.more_to_come(0, 2), "the training ends before"


@pytest.mark.parametrize(
    ("stages", "frozen"), [(None, set(RESNET)), (["stem", "layer1"], {"stem", "layer1"})]
)
def test_frozen_for_good(stages: list[str] | None, frozen: set[str]) -> None:
    callback = Frozen(stages)
    callback.stages, callback.since = RESNET, callback.plan(RESNET, 5)
    assert callback.frozen(0) == callback.frozen(4) == frozen
    assert not callback.more_to_come(0, 5)


@pytest.mark.parametrize(
    ("at", "every", "message"),
    [
        ("later", None, "unfreezing.at=later: must be auto, plateau or epochs by stage"),
        ([1, 2], None, r"unfreezing.at=\[1,2\]: must be auto, plateau or epochs by stage"),
        ({}, None, "unfreezing.at={}: each stage needs a whole number of epochs, from 0"),
        ({"a": -1}, None, "unfreezing.at={a:-1}: each stage needs a whole number"),
        ({"a": True}, None, "unfreezing.at={a:true}: each stage needs a whole number"),
        ("plateau", 2, "unfreezing.every=2: only with unfreezing.at=auto, not plateau"),
    ],
)
def test_options_that_make_no_sense(at: object, every: int | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Staged(at, every, 3, 0.0)  # type: ignore[arg-type]


def test_stages_that_there_are_not() -> None:
    known = "allowed: .*layer4"
    with pytest.raises(UserError, match=f"unfreezing.at=layer9: no such stage;.* {known}"):
        Staged({"layer9": 1}, None, 3, 0.0).plan(RESNET, 5)
    with pytest.raises(UserError, match=f"unfreezing.stages=conv5: no such stage;.* {known}"):
        Frozen(["conv5"]).plan(RESNET, 5)
    with pytest.raises(UserError, match=r"unfreezing.stages=\[\]: name a stage"):
        Frozen([])
