"""Each method on fixed losses, beside what its paper says, worked out here in plain numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.training.build import make
from mtl.weighting.base import Weighting
from mtl.weighting.gradient import Geometry, GramianWeighting, RowWeighting
from mtl.weighting.inner_adam import InnerAdam

CONF = Path(__file__).parents[1] / "conf" / "weighting"
NAMES = ["equal", "fixed", "uncertainty", "dwa", "gls", "rlw", "imtl_l", "famo", "stch"]
L = {"a": 2.0, "b": 0.5, "c": 3.0}


def method(name: str, tasks: str = "abc", **options: object) -> Weighting:
    config = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    found = make(config | options, tasks=list(tasks))
    assert isinstance(found, Weighting)
    return found.double()


def scalars(dtype: torch.dtype = torch.float64, **losses: float) -> dict[str, Tensor]:
    return {task: torch.tensor(x, dtype=dtype, requires_grad=True) for task, x in losses.items()}


def combined(weighting: Weighting, **losses: float) -> tuple[float, dict[str, float]]:
    """The total, and its derivatives by the losses."""
    given = scalars(**losses)
    total = weighting(given)
    slopes = torch.autograd.grad(total, list(given.values()), allow_unused=True)
    return float(total.detach()), {
        t: float(s) for t, s in zip(given, slopes, strict=True) if s is not None
    }


def state(weighting: Weighting) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in weighting.state_dict().items()}


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
    assert float(x[1]) == pytest.approx(0, abs=1e-6)
    left, right = float(x[0]) - 1, float(x[0]) + 1
    assert left / (left**2 + 0.1) == pytest.approx(-right / (right**2 + 0.1), abs=1e-6)
    assert 0.9 < float(x[0]) < 1


def test_dwa() -> None:
    weighting = method("dwa", temperature=2.0)
    for values in ((2.0, 1.0, 3.0), (4.0, 1.0, 1.0)):
        assert combined(weighting, **dict(zip("abc", values, strict=True)))[1] == {
            "a": 1.0,
            "b": 1.0,
            "c": 1.0,
        }
    weighting.on_epoch_end()
    assert combined(weighting, a=1.0, c=2.0)[1] == {"a": 1.0, "c": 1.0}
    assert combined(weighting, a=2.0, b=0.5, c=2.0)[0] == pytest.approx(4.5)
    weighting.on_epoch_end()
    # Means: a 3 then 1.5, b 1 then 0.5 (one batch), c 2 then 2.
    terms = [math.exp(r / 2) for r in (0.5, 0.5, 1.0)]
    wanted = {t: 3 * x / sum(terms) for t, x in zip("abc", terms, strict=True)}
    total, slopes = combined(weighting, a=1.0, b=1.0, c=2.0)
    assert slopes == pytest.approx(wanted)
    assert total == pytest.approx(wanted["a"] + wanted["b"] + 2 * wanted["c"])
    _, slopes = combined(weighting, a=1.0)
    assert slopes == pytest.approx({"a": wanted["a"]})


def test_dwa_keeps_the_history_of_a_task_that_had_no_label_for_an_epoch() -> None:
    weighting = method("dwa", "ab", temperature=1.0)
    for losses in ({"a": 4.0, "b": 1.0}, {"a": 2.0, "b": 1.0}, {"b": 3.0}):
        combined(weighting, **losses)
        weighting.on_epoch_end()
    _, slopes = combined(weighting, a=1.0, b=1.0)
    a, b = math.exp(0.5), math.exp(3.0)
    assert slopes == pytest.approx({"a": 2 * a / (a + b), "b": 2 * b / (a + b)})


def test_dwa_of_losses_that_are_zero_is_finite() -> None:
    weighting = method("dwa", "ab")
    for losses in ({"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}):
        combined(weighting, **losses)
        weighting.on_epoch_end()
    assert combined(weighting, a=1.0, b=1.0)[1] == pytest.approx({"a": 2.0, "b": 0.0})


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


def adam(gradients: list[float], start: float, rate: float, decay: float) -> float:
    """Kingma and Ba's algorithm 1 on one number."""
    x, m, v = start, 0.0, 0.0
    for t, given in enumerate(gradients, 1):
        g = given + decay * x
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x -= rate * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x


def test_inner_adam_counts_each_entry_for_itself() -> None:
    inner = InnerAdam(3, 0.1, 0.01).double()
    vector = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    inner.step(vector, torch.tensor([0, 2]), torch.tensor([0.5, -0.2]))
    inner.step(vector, torch.tensor([2]), torch.tensor([0.4], dtype=torch.float64))
    wanted = [adam([0.5], 1, 0.1, 0.01), 2.0, adam([-0.2, 0.4], 3, 0.1, 0.01)]
    assert vector.tolist() == pytest.approx(wanted, rel=1e-6)
    reference = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([reference], lr=0.1, weight_decay=0.01)
    for g in (-0.2, 0.4):
        reference.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
    assert float(vector[2]) == pytest.approx(float(reference), rel=1e-6)


def test_famo() -> None:
    weighting = method("famo", rate=0.1, decay=0.01)
    total, slopes = combined(weighting, **L)
    # z = 1/3 each: the weights are in the ratio of 1/L and sum to 1.
    inverse = 1 / 2 + 2 + 1 / 3
    assert slopes == pytest.approx({t: 1 / x / inverse for t, x in L.items()}, rel=1e-6)
    assert total == pytest.approx(sum(map(math.log, L.values())) / inverse, rel=1e-6)
    weighting.after_step(
        {
            t: torch.tensor(L[t] * f, dtype=torch.float64)
            for t, f in zip("abc", (0.5, 0.9, 2), strict=True)
        }
    )
    gains = np.array([math.log(2), -math.log(0.9), -math.log(2)])
    logits = [adam([g / 3], 0.0, 0.1, 0.01) for g in gains - gains.mean()]
    assert weighting.get_buffer("logits").tolist() == pytest.approx(logits, abs=1e-6)
    z = np.exp(logits) / np.exp(logits).sum()
    assert z[0] < z[2]
    _, slopes = combined(weighting, **L)
    wanted = z / np.array(list(L.values()))
    assert list(slopes.values()) == pytest.approx(list(wanted / wanted.sum()), rel=1e-6)


def test_famo_leaves_absent_tasks_alone() -> None:
    weighting = method("famo")
    for step in range(3):
        combined(weighting, **L)
        weighting.after_step(
            {t: torch.tensor(x * (step + 1)) for t, x in zip(L, (3, 1, 2), strict=True)}
        )
    before = state(weighting)
    _, slopes = combined(weighting, a=2.0, c=4.0)
    assert sum(slopes.values()) == pytest.approx(1)
    weighting.after_step({"a": torch.tensor(1.0), "c": torch.tensor(4.0)})
    after = state(weighting)
    for name, value in before.items():
        assert float(after[name][1]) == float(value[1]), name
        assert float(after[name][0]) != float(value[0]), name


def test_famo_balances_two_quadratics_of_unlike_size() -> None:
    """Their logarithms fall alike, where the plain sum serves only the larger one."""

    def go(name: str, lr: float) -> list[float]:
        x = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
        weighting = method(name, "ab")
        optimizer = torch.optim.SGD([x], lr=lr)
        for _ in range(300):
            optimizer.zero_grad()
            weighting({"a": 100 * x[0] ** 2, "b": 0.01 * x[1] ** 2}).backward()
            optimizer.step()
            seen = x.detach()
            weighting.after_step({"a": 100 * seen[0] ** 2, "b": 0.01 * seen[1] ** 2})
        return [abs(float(v)) for v in x]

    unlike, alike = go("equal", 0.004), go("famo", 0.5)
    assert unlike[0] < 1e-9
    assert unlike[1] > 0.95
    assert alike[0] == pytest.approx(alike[1], rel=0.05)
    assert alike[1] < 0.1


def test_stch() -> None:
    weighting = method("stch", mu=0.5, warmup_epochs=1)
    total, slopes = combined(weighting, **L)
    assert total == pytest.approx(math.log(3))
    assert slopes == pytest.approx({t: 1 / x for t, x in L.items()})
    combined(weighting, a=4.0, b=1.5)
    weighting.on_epoch_end()
    # Relative to the means 3, 1 and 3.
    relative = {"a": 1.5 / 3, "b": 2.0, "c": 1.0}
    mass = sum(x**2 for x in relative.values())
    total, slopes = combined(weighting, a=1.5, b=2.0, c=3.0)
    assert total == pytest.approx(3 * 0.5 * math.log(mass))
    assert slopes == pytest.approx(
        {t: 3 * relative[t] ** 2 / mass / x for t, x in {"a": 1.5, "b": 2.0, "c": 3.0}.items()}
    )
    weighting.on_epoch_end()
    assert combined(weighting, a=1.5, b=2.0, c=3.0)[0] == pytest.approx(total)
    mass = 0.25 + 1
    total, slopes = combined(weighting, a=1.5, c=3.0)
    assert total == pytest.approx(2 * 0.5 * math.log(mass))
    assert slopes == pytest.approx({"a": 2 * 0.25 / mass / 1.5, "c": 2 / mass / 3})


def test_stch_prefers_and_needs_no_warm_up() -> None:
    weighting = method("stch", "ab", mu=1.0, warmup_epochs=0, preferences={"a": 3})
    total, slopes = combined(weighting, a=1.0, b=2.0)
    assert total == pytest.approx(2 * math.log(3 * 1 + 2))
    assert slopes == pytest.approx({"a": 2 * 3 / 5, "b": 2 * 1 / 5})
    with pytest.raises(UserError, match=r"weighting.preferences: 'x' is no task; use a, b"):
        method("stch", "ab", preferences={"x": 1})


def test_stch_of_small_mu_follows_the_worst_task() -> None:
    _, slopes = combined(method("stch", mu=1e-3, warmup_epochs=0), **L)
    assert slopes == pytest.approx({"a": 0, "b": 0, "c": 1}, abs=1e-6)


def test_stch_of_a_task_that_the_warm_up_did_not_see() -> None:
    weighting = method("stch", mu=1.0, warmup_epochs=2)
    combined(weighting, **L)
    weighting.on_epoch_end()
    combined(weighting, a=2.0, b=4.0)
    weighting.on_epoch_end()
    # In the warm-up's last epoch c was not there: it counts by its plain logarithm, until it was.
    total, slopes = combined(weighting, a=2.0, b=4.0, c=5.0)
    assert total == pytest.approx(2 * math.log(2) + math.log(5))
    assert slopes == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.2})
    total, slopes = combined(weighting, c=5.0)
    assert (total, slopes) == (pytest.approx(math.log(5)), pytest.approx({"c": 0.2}))
    weighting.on_epoch_end()
    assert combined(weighting, a=2.0, b=4.0, c=5.0)[0] == pytest.approx(3 * math.log(3))


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


def seen(
    rows: list[list[float]], losses: tuple[float, ...], index: tuple[int, ...], scale: float = 1.0
) -> Geometry:
    jacobian = torch.tensor(rows, dtype=torch.float64)
    return Geometry(
        tasks=tuple("abc"[i] for i in index),
        index=torch.tensor(index),
        losses=torch.tensor(losses, dtype=torch.float64),
        gramian=jacobian @ jacobian.T,
        rows=tuple([scale * row.clone()] for row in jacobian),
        scale=scale,
    )


def gradnorm(tasks: str = "abc", **options: float) -> GramianWeighting:
    found = method("gradnorm", tasks, **options)
    assert isinstance(found, GramianWeighting)
    return found


def test_gradnorm() -> None:
    weighting = gradnorm("ab", alpha=1.5, rate=0.1)
    rows = [[3.0, 4.0], [0.0, 1.0]]
    # At first both tasks have everything before them: both norms are wanted at their mean, 3.
    assert weighting.weights(seen(rows, (2.0, 1.0), (0, 1))).tolist() == [1.0, 1.0]
    w = np.array([adam([5.0], 1, 0.1, 0), adam([-1.0], 1, 0.1, 0)])
    w *= 2 / w.sum()
    found = weighting.weights(seen(rows, (1.0, 1.0), (0, 1)))
    assert found.tolist() == pytest.approx(list(w))
    # a has half of its loss left, b all: r = 2/3 and 4/3.
    norms = w * [5, 1]
    wanted = norms.mean() * np.array([2 / 3, 4 / 3]) ** 1.5
    slopes = np.sign(norms - wanted) * [5, 1]
    mean, square = 0.9 * 0.1 * np.array([5, -1]) + 0.1 * slopes, np.array([25, 1]) * 0.001
    square = 0.999 * square + 0.001 * slopes**2
    w = w - 0.1 * (mean / 0.19) / (np.sqrt(square / (1 - 0.999**2)) + 1e-8)
    w *= 2 / w.sum()
    assert weighting.get_buffer("factors").tolist() == pytest.approx(list(w))


def test_gradnorm_brings_norms_to_their_targets() -> None:
    weighting = gradnorm(alpha=1.0, rate=0.01)
    rows = np.diag([4.0, 1.0, 2.0])
    weighting.weights(seen(rows.tolist(), (1.0, 2.0, 3.0), (0, 1, 2)))
    for _ in range(800):
        found = weighting.weights(seen(rows.tolist(), (0.5, 1.0, 3.0), (0, 1, 2)))
    norms = found.numpy() * rows.diagonal()
    # r = 0.5, 0.5, 1 over their mean 2/3.
    assert norms / norms.mean() == pytest.approx(np.array([0.75, 0.75, 1.5]), abs=0.08)
    assert float(found.sum()) == pytest.approx(3)


def test_gradnorm_leaves_absent_tasks_alone() -> None:
    weighting = gradnorm()
    for _ in range(3):
        weighting.weights(seen([[4.0, 0], [1, 1], [0, 2]], (1.0, 2.0, 3.0), (0, 1, 2)))
    before = state(weighting)
    shares = before["factors"][[0, 2]].sum()
    weighting.weights(seen([[4.0, 0.0], [0.0, 2.0]], (5.0, 0.1), (0, 2)))
    after = state(weighting)
    for name, value in before.items():
        assert float(after[name][1]) == float(value[1]), name
    assert float(after["factors"][0]) != float(before["factors"][0])
    assert float(after["factors"][[0, 2]].sum()) == pytest.approx(float(shares))
    alone = state(weighting)["factors"]
    weighting.weights(seen([[4.0, 0.0]], (5.0,), (0,)))
    assert state(weighting)["factors"].tolist() == pytest.approx(alone.tolist())


def db_mtl(**options: float) -> RowWeighting:
    found = method("db_mtl", **options)
    assert isinstance(found, RowWeighting)
    found.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    return found


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_db_mtl_without_means(scale: float) -> None:
    weighting = db_mtl(beta=0.0)
    (found,) = weighting.combine(seen([[3.0, 4.0], [0.0, 1.0]], (2.0, 0.1), (0, 2), scale), seed=0)
    assert found is not None
    # g = (1.5, 2) and (0, 10): both brought to the length 10.
    assert (found / scale).tolist() == pytest.approx([6.0, 18.0], rel=1e-6)
    gauges = {t: float(w) for t, w in weighting.gauges().items()}
    assert gauges == pytest.approx({"a": 4 / 2, "c": 1 / 0.1}, rel=1e-6)
    assert weighting.state_dict().keys() == {"steps"}


def test_db_mtl_follows_its_recursion() -> None:
    weighting = db_mtl(beta=0.5, power=0.5)
    rows, losses = [[3.0, 4.0], [0.0, 1.0]], (2.0, 0.1)
    y = np.zeros((2, 2))
    for k in (1, 2, 3):
        g = np.array(rows) / (np.array(losses) + 1e-8)[:, None]
        beta = 0.5 / k**0.5
        y = beta * y + (1 - beta) * g
        norms = np.linalg.norm(y, axis=1)
        (found,) = weighting.combine(seen(rows, losses, (0, 2), 8.0), seed=0)
        assert found is not None
        wanted = (norms.max() / norms) @ y
        assert (found / 8).tolist() == pytest.approx(list(wanted), rel=1e-6)
        rows, losses = [[r[1], -r[0]] for r in rows], (losses[0] / 2, losses[1])
    assert weighting.get_buffer("steps").tolist() == [3, 0, 3]
    assert float(weighting.get_buffer("trackers.task1_parameter0").abs().sum()) == 0


@pytest.mark.parametrize("name", ["gradnorm", "db_mtl"])
def test_state_of_gradient_methods_goes_through_a_checkpoint(name: str) -> None:
    parameter = nn.Parameter(torch.zeros(2))

    def fresh() -> Weighting:
        found = method(name).float()
        assert isinstance(found, GramianWeighting | RowWeighting)
        found.bind([parameter])
        return found

    def go(weighting: Weighting, steps: range) -> list[list[float]]:
        totals = []
        for k in steps:
            given = seen([[3.0, 4.0 - k], [0.0, 1.0 + k]], (2.0, 0.1 + k), (0, k % 2 + 1))
            given = Geometry(
                given.tasks,
                given.index,
                given.losses,
                given.gramian,
                tuple([g.float() for g in row if g is not None] for row in given.rows),
            )
            if isinstance(weighting, GramianWeighting):
                totals.append(weighting.weights(given).tolist())
            elif isinstance(weighting, RowWeighting):
                (row,) = weighting.combine(given, seed=0)
                assert row is not None
                totals.append(row.tolist())
        return totals

    whole, parts = fresh(), fresh()
    go(whole, range(5))
    parts.load_state_dict(whole.state_dict(), strict=True)
    assert go(whole, range(5, 10)) == go(parts, range(5, 10))
