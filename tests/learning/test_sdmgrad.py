"""SDMGrad on fixed gradients, beside its recursion and what it comes to in the limits."""

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.errors import UserError
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.mgda import MGDA
from mtl.learning.weighting.sdmgrad import SDMGrad
from mtl.learning.weighting.tools.quadratic import nearest_on_simplex

NAMES = ["a", "b", "c"]
OPPOSED = [[2.0, 0.0, 0.0], [-1.0, 1.0, 0.0]]
THREE = [[4.0, 0.0, 1.0, 0.5], [-1.0, 2.0, 0.0, 0.5], [0.5, -1.0, 1.5, 0.0]]


def seen(rows: list[list[float]], index: tuple[int, ...]) -> TaskGradients:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    return TaskGradients(
        tasks=tuple(NAMES[i] for i in index),
        index=torch.tensor(index),
        losses=torch.ones(len(rows), dtype=torch.float64),
        gramian=jacobian @ jacobian.T,
    )


def close(found: Tensor, wanted: object, tolerance: float = 1e-7) -> None:
    wanted = torch.as_tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=tolerance)


def test_defaults_are_those_of_its_file() -> None:
    made = make(node_of("weighting", "sdmgrad"), SDMGrad, tasks=NAMES)
    given = SDMGrad(NAMES)
    assert isinstance(made, SDMGrad)
    for name in ("at", "lamda", "rate", "steps"):
        assert getattr(made, name) == getattr(given, name)


def test_two_inner_steps_by_hand() -> None:
    method = SDMGrad(["a", "b"], lamda=1.0, rate=0.5, steps=2)
    # G is diag(1.6, 0.4), g_0 adds (0.5, 0.5). From (0.5, 0.5) the slope is (1.6, 0.4): to
    # (-0.3, 0.3), nearest on the segment (0.2, 0.8). There it is (1.12, 0.52): to (-0.36, 0.54),
    # nearest (0.05, 0.95).
    close(method.weights(TaskGradients.of([[2.0, 0.0], [0.0, 1.0]])), [0.275, 0.725])
    close(method.shares, [0.05, 0.95])


def test_weights_follow_the_recursion_on_changing_gradients() -> None:
    lamda, rate, steps = 0.4, 0.3, 3
    method = SDMGrad(["a", "b"], lamda=lamda, rate=rate, steps=steps).double()
    generator = np.random.default_rng(0)
    share = 0.5
    for _ in range(6):
        jacobian = generator.normal(size=(2, 4)) + 0.5
        scale = (jacobian**2).sum() / 2
        mean = jacobian.mean(0)
        for _ in range(steps):
            slope = jacobian @ (np.array([share, 1 - share]) @ jacobian + lamda * mean) / scale
            # On a segment, only the difference of the two slopes moves w.
            share = float(np.clip(share - rate * (slope[0] - slope[1]) / 2, 0, 1))
        found = method.weights(TaskGradients.of(jacobian.tolist()))
        direction = (np.array([share, 1 - share]) @ jacobian + lamda * mean) / (1 + lamda)
        close(found @ torch.from_numpy(jacobian), direction)
        close(method.shares, [share, 1 - share])


@pytest.mark.parametrize("rate", [0.1, 0.6, 10.0])
def test_weights_have_sum_1_and_are_not_negative(rate: float) -> None:
    method = SDMGrad(NAMES, rate=rate)
    for shift in range(4):
        found = method.weights(TaskGradients.of([row[shift:] + row[:shift] for row in THREE]))
        assert float(found.sum()) == pytest.approx(1, abs=1e-12)
        assert float(method.shares.sum()) == pytest.approx(1, abs=1e-6)
        assert bool((found >= 0).all())


@pytest.mark.parametrize("rows", [OPPOSED, THREE])
def test_a_large_lamda_gives_the_mean_gradient(rows: list[list[float]]) -> None:
    found = SDMGrad(NAMES[: len(rows)], lamda=1e9).weights(TaskGradients.of(rows))
    close(found, np.full(len(rows), 1 / len(rows)))


@pytest.mark.parametrize("rows", [OPPOSED, THREE])
def test_without_lamda_many_inner_steps_give_mgda(rows: list[list[float]]) -> None:
    names = NAMES[: len(rows)]
    found = SDMGrad(names, lamda=0.0, steps=2000).weights(TaskGradients.of(rows))
    close(found, MGDA(names).weights(TaskGradients.of(rows)), 1e-6)


@pytest.mark.parametrize("size", [1e-6, 1e5])
def test_weights_do_not_depend_on_the_size_of_gradients(size: float) -> None:
    scaled = [[size * x for x in row] for row in THREE]
    wanted = SDMGrad(NAMES).weights(TaskGradients.of(THREE))
    close(SDMGrad(NAMES).weights(TaskGradients.of(scaled)), wanted)


def test_an_absent_task_keeps_its_share_and_the_others_go_on_alone() -> None:
    method = SDMGrad(NAMES, lamda=1.0, rate=0.5, steps=1).double()
    # As in the class's example, of two thirds.
    close(method.weights(seen([[2.0, 0.0], [0.0, 1.0]], index=(0, 2))), [0.35, 0.65])
    shares = [0.2 * 2 / 3, 1 / 3, 0.8 * 2 / 3]
    close(method.shares, shares)
    close(method.weights(seen([[3.0, 1.0]], index=(1,))), [1.0])
    close(method.shares, shares)


def test_tasks_that_are_left_with_nothing_start_from_equal_shares() -> None:
    method = SDMGrad(NAMES, lamda=0.0, steps=100)
    # The first is by far the shortest, and not opposed.
    method.weights(TaskGradients.of([[0.1, 0.0], [4.0, 1.0], [4.0, -2.0]]))
    close(method.shares, [1.0, 0.0, 0.0])
    found = method.weights(seen([[2.0, 0.0], [0.0, 1.0]], index=(1, 2)))
    close(found, [0.2, 0.8], 1e-6)
    close(method.shares, [1.0, 0.0, 0.0])


def test_a_resumed_method_goes_on_to_the_last_digit() -> None:
    whole, resumed, fresh = (SDMGrad(NAMES, rate=0.01, steps=1) for _ in range(3))
    for shift in range(3):
        whole.weights(TaskGradients.of([row[shift:] + row[:shift] for row in THREE]))
    resumed.load_state_dict(whole.state_dict())
    later = [whole, resumed, fresh]
    wanted, found, other = (method.weights(TaskGradients.of(THREE)) for method in later)
    assert torch.equal(found, wanted)
    assert not torch.equal(other, wanted)


def test_the_nearest_point_of_the_simplex() -> None:
    close(torch.from_numpy(nearest_on_simplex(np.array([0.2, 0.3, 0.5]))), [0.2, 0.3, 0.5])
    close(torch.from_numpy(nearest_on_simplex(np.array([1.0, 1.0]))), [0.5, 0.5])
    close(torch.from_numpy(nearest_on_simplex(np.array([-3.0, 0.8, 0.4]))), [0.0, 0.7, 0.3])
    close(torch.from_numpy(nearest_on_simplex(np.array([-9.0]))), [1.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lamda": -0.1}, "weighting.lamda=-0.1: must be a number, at least 0"),
        ({"lamda": float("nan")}, "weighting.lamda=nan: must be a number, at least 0"),
        ({"lamda": float("inf")}, "weighting.lamda=inf: must be a number, at least 0"),
        ({"rate": 0.0}, "weighting.rate=0: must be a number greater than 0"),
        ({"steps": 0}, "weighting.steps=0: must be a whole number, at least 1"),
        ({"steps": 1.5}, "weighting.steps=1.5: must be a whole number, at least 1"),
        ({"steps": True}, "weighting.steps=True: must be a whole number, at least 1"),
    ],
)
def test_mistakes_are_named(options: dict[str, object], message: str) -> None:
    config = node_of("weighting", "sdmgrad")
    with pytest.raises(UserError, match=message):
        make(config | options, SDMGrad, tasks=NAMES)
