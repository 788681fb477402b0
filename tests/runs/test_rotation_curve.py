"""Metrics over the angle by which images are turned."""

import pytest
import torch

from mtl.data.augmentation.spec import Augmentation
from mtl.errors import UserError
from mtl.runs.rotation.angles import angles
from mtl.runs.rotation.curve import feature_error, turner
from mtl.runs.rotation.measure import flatness

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[0,90,180,270]", [0, 90, 180, 270]),
        ("[0,15,...,345]", list(range(0, 360, 15))),
        ("[-30, -15, ..., 30]", [-30, -15, 0, 15, 30]),
        ("[0,10,...,25]", [0, 10, 20, 25]),
        ("[7.5]", [7.5]),
    ],
)
def test_lists_of_angles(text: str, expected: list[float]) -> None:
    assert angles(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("90", "give a list of degrees"),
        ("[]", "give a list of degrees"),
        ("[0,x]", "x is no angle"),
        ("[nan]", "nan is no angle"),
        ("[0,1,...,inf]", "inf is no angle"),
        ("[0,0.0001,...,345]", "more than 720 angles"),
        ("[...,90]", "stands after two angles"),
        ("[0,30,...]", "stands after two angles"),
        ("[0,-30,...,90]", "steps of -30 don't lead to 90"),
        ("[0,90,360]", "an angle is there twice"),
    ],
)
def test_wrong_lists_of_angles(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        angles(text)
    assert "\n" not in str(error.value)


def test_a_pointwise_network_has_no_feature_error() -> None:
    image = torch.rand(2, 3, 12, 12)
    for angle in (0, 90, 180, 270):
        turned = image.rot90(angle // 90, (-2, -1))
        error, size = feature_error({4: turned}, {4: image}, angle)
        assert error == 0
        assert size == pytest.approx(float(image.square().sum()))


def test_feature_error_by_hand() -> None:
    still, turned = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    still[0, 0, 0, 1] = 2.0  # top right goes to top left by a quarter turn
    turned[0, 0, 0, 0] = 5.0
    assert feature_error({8: turned}, {8: still}, 90) == (9.0, 4.0)


def test_maps_too_small_for_a_whole_cell_are_measured_too() -> None:
    still = torch.full((1, 1, 2, 2), 2.0)
    error, size = feature_error({32: torch.full((1, 1, 2, 2), 3.0)}, {32: still}, 45)
    assert size > 0
    assert error / size == pytest.approx(0.25)


def test_spread_of_a_curve() -> None:
    assert flatness([0.5, 0.75, 1.0]) == {"mean": 0.75, "worst": 0.5, "spread": 0.5}


def test_turning_is_that_of_the_augmentation() -> None:
    spec = turner(30, Augmentation(rotated_boxes="ellipse", fill=7, hflip=0.5), {}).spec
    assert (spec.turns, spec.rotated_boxes, spec.fill, spec.hflip) == (
        ((0, 30.0),),
        "ellipse",
        7,
        0.0,
    )
