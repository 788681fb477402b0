"""Learning rates over the steps, worked out by hand."""

import math

import pytest
import torch

from mtl.learning.optimizer.schedule import advance, with_schedule
from mtl.learning.scheduler.cosine import cosine, cosine_factor
from mtl.learning.scheduler.onecycle import one_cycle
from mtl.learning.scheduler.plateau import plateau
from mtl.learning.scheduler.step import step, step_factor


def optimizer(*rates: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.AdamW(groups, lr=1.0)


def test_cosine_by_hand() -> None:
    factors = [cosine_factor(step, 12, warmup=1 / 6, floor=0.1) for step in range(13)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[7] == pytest.approx(0.1 + 0.9 * 0.5)  # half way down
    assert factors[12] == pytest.approx(0.1)


def test_cosine_scales_every_group() -> None:
    opt = optimizer(1.0, 0.1)
    schedule = cosine(opt, steps=10, mode="max", warmup=0.0, floor=0.0)
    for _ in range(5):
        opt.step()
        schedule.step()
    assert [g["lr"] for g in opt.param_groups] == pytest.approx([0.5, 0.05])


def test_steps_by_hand() -> None:
    """A hundred epochs of two steps, halved after 30, 60 and 90 of them."""
    factors = [step_factor(number, 200, every=0.3, factor=0.5) for number in range(200)]
    assert factors == [1.0] * 60 + [0.5] * 60 + [0.25] * 60 + [0.125] * 20
    opt = optimizer(1.0, 0.1)
    schedule = step(opt, steps=4, mode="max", every=0.5, factor=0.1)
    for _ in range(2):
        opt.step()
        schedule.step()
    assert [g["lr"] for g in opt.param_groups] == pytest.approx([0.1, 0.01])


def test_one_cycle_starts_peaks_and_ends_where_told() -> None:
    opt = optimizer(1.0, 0.25)
    schedule = one_cycle(opt, steps=11, mode="max", rise=4 / 11, start=0.04, floor=1e-5)
    rates = []
    for _ in range(11):
        rates.append([g["lr"] for g in opt.param_groups])
        opt.step()
        schedule.step() if len(rates) < 11 else None
    assert rates[0] == pytest.approx([0.04, 0.01])
    assert rates[3] == pytest.approx([1.0, 0.25])  # the last of the four steps of the rise
    assert rates[-1] == pytest.approx([1e-5, 0.25e-5])


def test_plateau_lowers_after_patience() -> None:
    opt = optimizer(1.0)
    schedule = plateau(opt, steps=0, mode="max", factor=0.1, patience=1, min_lr=1e-6)
    for score in (0.5, 0.5, 0.5):
        schedule.step(score)
    assert opt.param_groups[0]["lr"] == pytest.approx(0.1)


def test_nothing_moves_before_the_optimisers_first_step() -> None:
    # A gradient scaler leaves out the first steps, and torch warns of a schedule that goes on.
    opt = optimizer(1.0)
    schedule = step(opt, steps=2, mode="max", every=0.5, factor=0.5)
    with_schedule(opt, schedule, "val/loss")
    scaler = torch.amp.GradScaler("cpu")
    parameter = opt.param_groups[0]["params"][0]
    for gradient, rate in ((math.inf, 1.0), (1.0, 0.5)):
        scaler.scale(torch.zeros(1))
        parameter.grad = torch.full_like(parameter, gradient)
        scaler.step(opt)
        scaler.update()
        advance(schedule)
        assert schedule.get_last_lr() == [rate]


def test_schedules_of_optimisers_that_nobody_told_of_move() -> None:
    opt = optimizer(1.0)
    schedule = step(opt, steps=2, mode="max", every=0.5, factor=0.5)
    opt.step()
    advance(schedule)
    assert schedule.get_last_lr() == [0.5]
