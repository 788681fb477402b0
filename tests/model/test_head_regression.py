"""Regression: scale, losses, metrics and what is said, on numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.head.regression import Regression
from mtl.model.head.regression_metrics import RegressionMetrics
from mtl.runs.recount.numbers import NumberRecount

NAN = math.nan
TARGET = Target("numbers", ("height", "age"), units=("cm", ""))
TRAIN = [np.array(row, np.float32) for row in ([160, 5], [180, NAN], [NAN, 5], [NAN, NAN])]
"""Heights of mean 170 and deviation 10; an age that never changes."""


def head(**options: Any) -> Regression:
    stages = (Stage("a", 2, 4),)
    made = Regression(target=TARGET, stages=stages, image_size=8, **options).double()
    made.look_at(TRAIN)
    return made


def numbers(*rows: Any) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def labelled(*rows: Any) -> Labelled:
    return Labelled(torch.arange(len(rows)), torch.tensor(rows, dtype=torch.float32))


def test_the_scale_is_that_of_what_is_known_and_a_constant_is_divided_by_one() -> None:
    scale = head().scale
    assert scale.mean.tolist() == [170, 5]
    assert scale.std.tolist() == [10, 1]
    assert {"scale.mean", "scale.std"} <= head().state_dict().keys()
    scale.look_at([])
    assert (scale.mean.tolist(), scale.std.tolist()) == ([0, 0], [1, 1])


def test_what_the_layers_say_is_in_deviations_from_the_mean() -> None:
    made = head(loss="normal").eval()
    last = made.layers.layers[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(numbers(0.5, 2 * math.log(0.3), -1, 99))
        raw = made({4: torch.ones(1, 2, 1, 1, dtype=torch.float64)})
        said = made.predict(raw)[0]
    # The second variance is as wide as it may be.
    assert said.tolist() == [pytest.approx([175, 3]), pytest.approx([4, math.exp(5)])]
    assert raw[0, 0, 1] == pytest.approx(2 * math.log(3))
    assert made.captions(said.numpy()) == ["height 175 ± 3 cm", "age 4 ± 1.5e+02"]
    assert made.record(said.numpy())["numbers"] == {"height": 175, "age": 4}
    plain = head()
    assert plain.captions(np.array([[171.25], [7]])) == ["height 171.2 cm", "age 7"]
    assert plain.record(np.array([[171.25], [7]])) == {"numbers": {"height": 171.25, "age": 7}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"loss": "l1"}, (2 + 1) / 2),
        ({"loss": "l2"}, (4 + 1) / 2),
        ({"loss": "huber"}, (1.5 + 0.5) / 2),
        ({"loss": "huber", "delta": 4.0}, (2 + 0.5) / 2),
    ],
)
def test_losses_are_in_deviations_over_what_is_known(options: Any, expected: float) -> None:
    raw = numbers([[190.0], [5]], [[3], [4]]).requires_grad_()
    loss = head(**options).loss(raw, labelled([170, NAN], [NAN, 5]))
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert raw.grad is not None
    assert raw.grad[0, 1] == raw.grad[1, 0] == 0
    assert raw.grad[0, 0] != 0
    nothing = head(**options).loss(raw, labelled([NAN, NAN], [NAN, NAN]))
    assert nothing.item() == 0
    nothing.backward()
    assert raw.grad.isfinite().all()


def test_the_likelihood_is_that_of_torch_less_its_constant() -> None:
    made = head(loss="normal")
    raw = numbers([[190.0, 2 * math.log(20)], [5, 0]])
    # In deviations: error 2 at a deviation of 2.
    assert made.loss(raw, labelled([170, NAN])).item() == pytest.approx((math.log(4) + 1) / 2)
    nll = torch.nn.functional.gaussian_nll_loss(numbers(2.0), numbers(0.0), numbers(4.0))
    assert made.loss(raw, labelled([170, NAN])).item() == pytest.approx(nll.item())


def test_a_teachers_distribution_is_met_by_the_divergence_of_torch() -> None:
    raw = numbers([[190.0, 2 * math.log(20)], [5, 0]])
    its = numbers([[170.0, 2 * math.log(10)], [5, 0]])
    normal = torch.distributions.Normal
    wanted = torch.distributions.kl_divergence(normal(170.0, 10.0), normal(190.0, 20.0))
    found = head(loss="normal").distillation(raw, its, 1.0)
    assert found.item() == pytest.approx(wanted.item() / 2)
    assert head(loss="l2").distillation(numbers([[190.0], [5]]), numbers([[170.0], [5]]), 1.0) == 2


def test_several_distributions_are_one_mixture() -> None:
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    one, other = numbers([[160.0, 3], [1, 0]]), numbers([[180.0, 4], [1, 0]])
    mixed = head(loss="normal").average([one, other], half)[0]
    # Var = mean of variances + variance of means.
    assert mixed.tolist() == [pytest.approx([170, math.sqrt(12.5 + 100)]), [1, 0]]
    assert head().average([one[..., :1], other[..., :1]], half).tolist() == [[[170], [1]]]


def metrics(per_class: bool = True) -> dict[str, float]:
    made = RegressionMetrics(("height", "age"), ("r2", "mae", "rmse"), per_class)
    made.update(numbers([[1.0], [5]], [[4], [6]]), labelled([0, 5], [NAN, 5]))
    made.update(numbers([[2.0], [0]]), labelled([4, NAN]))
    return {name: float(value) for name, value in made.compute().items()}


def test_metrics_by_hand() -> None:
    found = metrics()
    # Heights 0 and 4 said to be 1 and 2: squares 1 and 4 of a spread of 8; an age never changes.
    assert found == pytest.approx(
        {
            "r2": 1 - 5 / 8,
            "mae": (1.5 + 0.5) / 2,
            "rmse": (math.sqrt(2.5) + math.sqrt(0.5)) / 2,
            "r2_height": 1 - 5 / 8,
            "mae_height": 1.5,
            "mae_age": 0.5,
            "rmse_height": math.sqrt(2.5),
            "rmse_age": math.sqrt(0.5),
        }
    )
    assert set(metrics(per_class=False)) == {"r2", "mae", "rmse"}


def test_worse_than_the_mean_is_below_0_and_large_numbers_lose_nothing() -> None:
    """Squares of 1 and 1, where the mean would have 0.25 and 0.25."""
    made = RegressionMetrics(("year",), ("r2", "mae"), True)
    made.update(numbers([[2025.0]], [[2024]]), labelled([2024], [2025]))
    assert {name: float(value) for name, value in made.compute().items()} == {"r2": -3, "mae": 1}
    made.reset()
    assert made.compute() == {}


def test_kept_samples_are_weighed_and_rated() -> None:
    nan = np.nan
    columns = {
        "said": np.array([[1.0], [2], [9], [7]]),
        "truth": np.array([[0.0], [4], [nan], [4]]),
    }
    found = NumberRecount(columns, "r2", 4)
    twice = np.array([2.0, 1, 1, 0])
    # Truths 0, 0, 4: a spread of 32 / 3; squares 1, 1, 4.
    assert found.score(twice) == pytest.approx(1 - 6 / (32 / 3))
    assert np.isnan(found.score(np.array([1.0, 0, 1, 0])))
    std = math.sqrt(32 / 9)
    errors = np.array([1, 2, 0, 3]) / std
    assert found.quality() == pytest.approx(1 / (1 + errors))


def test_an_exported_files_tolerance_is_in_deviations() -> None:
    made = head()
    one = {"numbers": np.array([[170.0, 5]])}
    (found,) = made.differences(one, {"numbers": np.array([[170.005, 5]])})
    assert found.fine
    assert found.found == pytest.approx(0.0005)
    back = made.from_exported(made.exported(numbers([[1.0], [2]]), None))
    assert back.tolist() == [[[1], [2]]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, r"regression\.loss=mse: allowed: l1, l2, huber, normal"),
        ({"delta": 0}, r"regression\.delta=0: allowed: above 0"),
        ({"metrics": ["mea"]}, r"regression\.metrics=mea: did you mean mae"),
    ],
)
def test_wrong_options_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        head(**options)
