"""Methods on fixed losses, beside what their papers say, worked out here in plain numbers."""

import math

import numpy as np
import pytest
import torch
from weighting_losses_kit import L, combined, method, scalars, state

from mtl.errors import UserError
from mtl.learning.weighting.bases.base import Weighting

NAMES = ["equal", "fixed", "uncertainty", "dwa", "gls", "rlw", "imtl_l", "famo", "stch"]


@pytest.mark.parametrize("name", NAMES)
def test_weights_in_force_are_the_derivatives(name: str) -> None:
    weighting = method(name)
    torch.manual_seed(5)
    for losses in (L, {"a": 1.0, "c": 0.2}, {"b": 4.0}, L):
        _, slopes = combined(weighting, **losses)
        if name == "equal":
            assert slopes == dict.fromkeys(losses, 1.0)
        else:
            assert slopes == pytest.approx({t: float(weighting.gauges()[t]) for t in losses})
        weighting.after_step({t: torch.tensor(0.9 * x) for t, x in losses.items()})
        weighting.on_epoch_end()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_combined_in_full(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    halves, floats = method(name).float(), method(name).float()
    floats.load_state_dict(halves.state_dict())
    losses = scalars(dtype, **L)
    total = halves(losses)
    assert total.dtype == torch.float32
    assert torch.equal(total, floats({t: x.float() for t, x in losses.items()}))
    total.backward()
    assert all(bool(torch.isfinite(x.grad)) for x in losses.values())


def test_fixed() -> None:
    total, slopes = combined(method("fixed", weights={"a": 0.25, "c": 0}), **L)
    assert total == pytest.approx(0.25 * 2 + 0.5)
    assert slopes == pytest.approx({"a": 0.25, "b": 1.0, "c": 0.0})
    assert combined(method("fixed"), **L)[0] == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"x": 1}, "weighting.weights: 'x' is no task; use a, b, c"),
        ({"a": -1}, "weighting.weights.a=-1: must be a number at least 0"),
        ({"a": "much"}, "weighting.weights.a=much: must be a number at least 0"),
        ({"a": math.nan}, "weighting.weights.a=nan: must be a number at least 0"),
        ({"a": 0, "b": 0, "c": 0}, "weighting.weights: all are 0; leave one greater than 0"),
        ([1, 2, 3], "weighting.weights: must be null or {task: weight}"),
    ],
)
def test_fixed_names_mistakes(weights: object, message: str) -> None:
    with pytest.raises(UserError) as error:
        method("fixed", weights=weights)
    assert str(error.value) == message


def test_uncertainty() -> None:
    weighting = method("uncertainty")
    with torch.no_grad():
        for parameter, s in zip(weighting.parameters(), (math.log(4), 0.0, -1.0), strict=True):
            parameter.fill_(s)
    total, slopes = combined(weighting, **L)
    # Variances of 4, 1 and 1/e: L / (2 variance) + log(variance) / 2.
    wanted = (2 / 8 + math.log(2)) + 0.25 + (1.5 * math.e - 0.5)
    assert total == pytest.approx(wanted)
    assert slopes == pytest.approx({"a": 1 / 8, "b": 0.5, "c": math.e / 2})
    weighting(scalars(a=2.0, c=3.0)).backward()
    a, b, c = (p.grad for p in weighting.parameters())
    assert b is None
    assert float(a) == pytest.approx(0.5 - 2 / 8)
    assert float(c) == pytest.approx(0.5 - 1.5 * math.e)


def test_imtl_l() -> None:
    weighting = method("imtl_l")
    with torch.no_grad():
        for parameter, s in zip(weighting.parameters(), (math.log(4), 0.0, -1.0), strict=True):
            parameter.fill_(s)
    total, slopes = combined(weighting, **L)
    assert total == pytest.approx((4 * 2 - math.log(4)) + 0.5 + (3 / math.e + 1))
    assert slopes == pytest.approx({"a": 4, "b": 1, "c": 1 / math.e})
    weighting(scalars(b=0.5)).backward()
    assert [p.grad is None for p in weighting.parameters()] == [True, False, True]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "weight"), [("uncertainty", 0.5), ("imtl_l", 1.0)])
def test_learned_scales_go_to_one_over_the_loss_and_absent_ones_stay(
    name: str, weight: float
) -> None:
    weighting = method(name)
    optimizer = torch.optim.Adam(weighting.parameters(), lr=0.05)

    def go(steps: int, **losses: float) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            weighting(scalars(**losses)).backward()
            optimizer.step()

    go(600, **L)
    _, slopes = combined(weighting, **L)
    assert slopes == pytest.approx({t: weight / x for t, x in L.items()}, rel=1e-3)
    go(20, a=0.1, b=5.0, c=0.7)
    kept = state(weighting)
    go(20, a=0.1, c=0.7)
    names = list(kept)
    assert torch.equal(state(weighting)[names[1]], kept[names[1]])
    assert not torch.equal(state(weighting)[names[0]], kept[names[0]])


def test_gls() -> None:
    total, slopes = combined(method("gls"), **L)
    mean = 3 ** (1 / 3)
    assert total == pytest.approx(mean)
    assert slopes == pytest.approx({t: mean / (3 * x) for t, x in L.items()})
    total, slopes = combined(method("gls"), a=2.0, b=8.0)
    assert total == pytest.approx(4)
    assert slopes == pytest.approx({"a": 1.0, "b": 0.25})


def test_gls_without_the_losses_that_are_zero() -> None:
    total, slopes = combined(method("gls"), a=2.0, b=0.0, c=8.0)
    assert total == pytest.approx(4)
    assert slopes == pytest.approx({"a": 1.0, "b": 0.0, "c": 0.25})
    assert combined(method("gls"), a=0.0, b=0.0) == (0.0, {"a": 0.0, "b": 0.0})


def test_gls_does_not_mind_units() -> None:
    _, first = combined(method("gls"), **L)
    _, second = combined(method("gls"), **{t: 1000 * x for t, x in L.items()})
    assert first == pytest.approx(second)


@pytest.mark.slow
def test_gls_of_two_quadratics_descends_to_their_segment() -> None:
    x = torch.tensor([3.0, 2.0], dtype=torch.float64, requires_grad=True)
    weighting = method("gls", "ab")
    ends = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    optimizer = torch.optim.SGD([x], lr=0.02)
    for _ in range(2000):
        optimizer.zero_grad()
        a, b = ((x - ends).square().sum(1) + 0.1).unbind()
        weighting({"a": a, "b": 100 * b}).backward()
        optimizer.step()
    # Where Σ L'/L is 0: y = 0, and (x - 1) / ((x - 1)² + 0.1) = -(x + 1) / ((x + 1)² + 0.1).
    place, height = x.detach().tolist()
    assert height == pytest.approx(0, abs=1e-6)
    left, right = place - 1, place + 1
    assert left / (left**2 + 0.1) == pytest.approx(-right / (right**2 + 0.1), abs=1e-6)
    assert 0.9 < place < 1


def test_rlw_draws_by_the_seed_and_the_batch() -> None:
    def draws(seed: int, noise: int, steps: int = 200) -> list[dict[str, float]]:
        torch.manual_seed(seed)
        weighting = method("rlw")
        torch.manual_seed(noise)
        return [combined(weighting, **L)[1] for _ in range(steps)]

    first = draws(1, 5)
    assert first == draws(1, 6)
    assert first != draws(2, 5)
    assert len({x["a"] for x in first}) == 200
    assert all(sum(x.values()) == pytest.approx(1) for x in first)
    for task in "abc":
        assert np.mean([x[task] for x in first]) == pytest.approx(1 / 3, abs=0.06)
        # The log of a ratio of two is the difference of two normals: variance 2.
    logs = [math.log(x["a"] / x["b"]) for x in first]
    assert np.var(logs) == pytest.approx(2, abs=0.5)


def test_rlw_of_one_task_is_its_loss() -> None:
    assert combined(method("rlw"), b=3.0) == (3.0, {"b": 1.0})


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_of_zero_gives_finite_numbers(name: str) -> None:
    weighting = method(name).float()
    for _ in range(3):
        losses = scalars(torch.float32, a=0.0, b=1.0, c=2.0)
        total = weighting(losses)
        total.backward()
        assert math.isfinite(total.detach())
        assert all(math.isfinite(x.grad) for x in losses.values())
        weighting.after_step({t: x.detach() for t, x in losses.items()})
        weighting.on_epoch_end()


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_through_a_checkpoint_to_the_last_digit(name: str) -> None:
    def go(weighting: Weighting, steps: range) -> list[float]:
        optimizer = None
        if list(weighting.parameters()):
            optimizer = torch.optim.SGD(weighting.parameters(), lr=0.1)
        totals = []
        for k in steps:
            losses = scalars(torch.float32, a=2.0 / (k + 1), b=0.5 + k, c=3.0 + k**2)
            if k % 3 == 2:
                del losses["b"]
            total = weighting(losses)
            total.backward()
            if optimizer is not None:
                optimizer.step()
                optimizer.zero_grad()
            weighting.after_step({t: 0.9 * x.detach() for t, x in losses.items()})
            if k % 4 == 3:
                weighting.on_epoch_end()
            totals.append(float(total.detach()))
        return totals

    torch.manual_seed(1)
    whole = method(name).float()
    torch.manual_seed(2)
    parts = method(name).float()
    go(whole, range(10))
    go(parts, range(1))
    assert parts.load_state_dict(whole.state_dict(), strict=True)
    assert go(whole, range(10, 20)) == go(parts, range(10, 20))
    assert all(v.dtype == torch.float32 for v in whole.state_dict().values())
