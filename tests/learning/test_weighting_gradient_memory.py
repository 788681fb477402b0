"""Methods that draw lots or remember, on fixed gradients, beside what their papers say."""

import math

import numpy as np
import pytest
import torch
from gradient_methods_kit import ACUTE, OPPOSED, THREE, close, method, seen, step, weights
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GradientWeighting, GramianWeighting
from mtl.learning.weighting.bases.rows import RowWeighting


def test_gradvac_turns_to_the_usual_cosine_and_remembers() -> None:
    weighting = method("gradvac", 3, beta=0.25)
    assert isinstance(weighting, GramianWeighting)
    usual = weighting.get_buffer("usual")
    usual[0, 2] = usual[2, 0] = 0.6
    rows = [[2.0, 0.0], [1.0, 3.0]]
    found = weighting.weights(seen(rows, index=(0, 2)))
    jacobian = torch.tensor(rows, dtype=torch.float64)
    cosine = 1 / math.sqrt(10)
    total = torch.zeros(2, dtype=torch.float64)
    for i, j in ((0, 1), (1, 0)):
        g, h = jacobian[i], jacobian[j]
        sine = math.sqrt(1 - cosine**2)
        factor = float(g.norm()) * (0.6 * sine - cosine * 0.8) / (float(h.norm()) * 0.8)
        turned = g + factor * h
        assert float(turned @ h / turned.norm() / h.norm()) == pytest.approx(0.6)
        total += turned
    close(found @ jacobian, total, 1e-6)
    expected = torch.zeros(3, 3)
    expected[0, 2] = expected[2, 0] = 0.75 * 0.6 + 0.25 * cosine
    torch.testing.assert_close(usual, expected)


def test_gradvac_leaves_gradients_closer_than_usual_alone() -> None:
    close(weights("gradvac", ACUTE), [1.0, 1.0])
    close(step("gradvac", OPPOSED), step("pcgrad", OPPOSED))


def test_graddrop_keeps_one_sign_by_its_share() -> None:
    weighting = method("graddrop", 3)
    assert isinstance(weighting, RowWeighting)
    columns = torch.tensor([[3.0], [-1.0], [0.0]], dtype=torch.float64).repeat(1, 40000)
    geometry = seen(columns.tolist())
    (found,) = weighting.combine(geometry, seed=1)
    assert found is not None
    assert set(found.tolist()) == {3.0, -1.0}
    assert float((found > 0).double().mean()) == pytest.approx(0.75, abs=0.01)
    (again,) = weighting.combine(geometry, seed=1)
    assert again is not None
    assert torch.equal(found, again)
    leaky = method("graddrop", 3, leak=0.5)
    assert isinstance(leaky, RowWeighting)
    (found,) = leaky.combine(geometry, seed=1)
    assert found is not None
    assert set(found.tolist()) == {2.5, 0.5}


def test_graddrop_of_agreeing_gradients_is_their_sum() -> None:
    weighting = method("graddrop")
    assert isinstance(weighting, RowWeighting)
    (found,) = weighting.combine(seen([[1.0, -2.0, 0.0], [3.0, -1.0, 0.0]]), seed=0)
    assert found is not None
    close(found, [4.0, -3.0, 0.0])


def test_moco_follows_its_recursion() -> None:
    weighting = method("moco", 3, beta=0.5, gamma=0.1, rho=0.2).double()
    assert isinstance(weighting, RowWeighting)
    weighting.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    rows = [[2.0, 0.0], [-1.0, 1.0]]
    jacobian = np.array(rows)
    tracked, shares = np.zeros((2, 2)), np.full(2, 0.5)
    for k in (1, 2, 3):
        tracked += 0.5 / math.sqrt(k) * (jacobian - tracked)
        moved = shares - 0.1 / math.sqrt(k) * (tracked @ tracked.T @ shares + 0.2 * shares)
        # The nearest point of a segment: half of what misses to a sum of 1 is given to each.
        shares = np.clip(moved + (1 - moved.sum()) / 2, 0, 1)
        (found,) = weighting.combine(seen(rows, index=(0, 2)), seed=0)
        assert found is not None
        close(found, shares @ tracked, 1e-6)
    assert float(weighting.get_buffer("shares")[1]) == pytest.approx(1 / 3)
    assert float(weighting.get_buffer("steps")[1]) == 0


def test_excess_mtl_follows_its_recursion() -> None:
    weighting = method("excess_mtl", 2, rate=0.5).double()
    assert isinstance(weighting, GramianWeighting)
    weighting.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    first, second = np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([[2.0, 2.0], [0.1, 0.2]])
    close(weighting.weights(seen(first.tolist())), [0.5, 0.5])
    squares = first**2
    baseline = (first**2 / np.sqrt(squares + 1e-7)).sum(1)
    squares += second**2
    excess = (second**2 / np.sqrt(squares + 1e-7)).sum(1) / baseline
    wanted = np.exp(0.5 * excess) / np.exp(0.5 * excess).sum()
    close(weighting.weights(seen(second.tolist())), wanted, 1e-6)


STATEFUL = ["gradvac", "moco", "excess_mtl"]


@pytest.mark.parametrize("name", STATEFUL)
def test_state_goes_through_a_checkpoint_to_the_last_digit(name: str) -> None:
    parameter = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    def run(weighting: GradientWeighting, rows: list[list[float]]) -> Tensor:
        torch.manual_seed(3)
        if isinstance(weighting, GramianWeighting):
            return weighting.weights(seen(rows))
        assert isinstance(weighting, RowWeighting)
        (found,) = weighting.combine(seen(rows), seed=3)
        assert found is not None
        return found

    unbroken, resumed = method(name, 3), method(name, 3)
    for weighting in (unbroken, resumed):
        weighting.bind([parameter])
    for shift in range(3):
        run(unbroken, [row[shift:] + row[:shift] for row in THREE])
    resumed.load_state_dict(unbroken.state_dict())
    assert torch.equal(run(unbroken, THREE), run(resumed, THREE))
    fresh = method(name, 3)
    fresh.bind([parameter])
    assert not torch.equal(run(fresh, THREE), run(resumed, THREE))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mgda", {"normalise": "l3"}, "weighting.normalise=l3: use none, l2, loss, loss_plus"),
        ("graddrop", {"at": "layer4"}, "weighting.at=layer4: this method needs parameters or rep"),
        ("moco", {"at": "representation"}, "weighting.at=representation: this method needs param"),
        ("excess_mtl", {"at": "representation"}, "this method needs parameters or a stage"),
        ("upgrad", {"preferences": {"x": 1}}, "'x' is no task; use t0, t1"),
        ("upgrad", {"preferences": {"t0": 0}}, "preferences.t0=0: must be greater than 0"),
        ("pcgrad", {"preferences": {"t0": 1}}, "this method has none"),
        ("upgrad", {"method": "torchjd.aggregation.Upgrad"}, "weighting.method=torchjd.agg"),
        ("pcgrad", {"at": []}, "name at least one stage"),
    ],
)
def test_mistakes_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")) as error:
        method(name, **options)
    assert "\n" not in str(error.value)


def test_moco_goes_on_where_only_tasks_without_a_share_are_there() -> None:
    weighting = method("moco", beta=1.0, gamma=5.0)
    weighting.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    assert isinstance(weighting, RowWeighting)
    weighting.combine(seen([[9.0, 0.0], [1.0, 0.0]]), seed=0)
    assert weighting.get_buffer("shares").tolist() == [0, 1]
    (found,) = weighting.combine(seen([[3.0, 0.0]]), seed=0)
    assert found is not None
    assert bool(torch.isfinite(found).all())
    assert weighting.get_buffer("shares").tolist() == [0, 1]
