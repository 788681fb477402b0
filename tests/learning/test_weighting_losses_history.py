"""Methods that remember earlier losses, beside their papers' formulas in plain numbers."""

import math

import numpy as np
import pytest
import torch
from weighting_losses_kit import L, adam, combined, method, state

from mtl.errors import UserError
from mtl.learning.weighting.tools.inner_adam import InnerAdam


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


@pytest.mark.slow
def test_dwa_of_losses_that_are_zero_is_finite() -> None:
    weighting = method("dwa", "ab")
    for losses in ({"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}):
        combined(weighting, **losses)
        weighting.on_epoch_end()
    assert combined(weighting, a=1.0, b=1.0)[1] == pytest.approx({"a": 2.0, "b": 0.0})


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
    assert float(vector[2]) == pytest.approx(reference.item(), rel=1e-6)


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


@pytest.mark.slow
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
        return x.detach().abs().tolist()

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
