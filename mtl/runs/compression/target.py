"""How much of a step it takes to reach what is asked for."""

import copy
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mtl.config.instantiate import located, make
from mtl.config.nearest import listing
from mtl.errors import UserError
from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.goal import SIZES, Goal
from mtl.runs.compression.measured import file_bytes, timed

TRIALS = 6
STRONGEST = 0.05
REPEATS = 15
Nodes = Mapping[str, Mapping[str, Any]]
Reached = Mapping[str, float]


def searched_step(steps: Mapping[str, Step]) -> str:
    """The first step that can be done more or less.

    Args:
        steps: by name, in order.

    Raises:
        UserError: there is none.
    """
    for name, step in steps.items():
        if step.strength is not None:
            return name
    raise UserError(
        f"target: of {listing(steps)} none can be done more or less, as prune and select can"
    )


def reached_by(work: Workpiece, goal: Goal, before: Mapping[str, float]) -> Reached:
    """What a network has of what is asked for, by the names of ``Goal.limits``.

    Args:
        work: with the network, or the file made of it.
        goal: what is asked for.
        before: each task's main metric on the validation split, as the run was trained.
    """
    found: dict[str, float] = {}
    if goal.megabytes is not None:
        found["megabytes"] = file_bytes(work, {}) / 1e6
    if goal.milliseconds is not None:
        latency = timed(work, REPEATS, batches=(1,))
        found["milliseconds"] = latency.get("onnx", latency.get("eager", {}))[1].median
    now = work.main_metrics() if goal.loss else {}
    return found | {f"loss.{t}": 100 * (before[t] - now[t]) for t in goal.loss}


def search(
    work: Workpiece, steps: Nodes, name: str, goal: Goal, before: Mapping[str, float]
) -> dict[str, Any]:
    """The node of a step with the strength that is just enough, by bisection.

    For a size or a time the step is done no more than it takes; nothing is trained in the trials,
    since that changes neither. For allowed losses alone it is done as much as they allow.

    Args:
        work: before the step; left as it is.
        steps: this one and those that follow.
        name: of the step.
        goal: what is asked for.
        before: see ``reached_by``.

    Raises:
        UserError: it can't be reached; says what was nearest.
    """
    option = located(steps[name], Step).strength
    assert option is not None
    sizes = replace(goal, loss={})
    aim = sizes if sizes.limits else goal

    def trial(value: float) -> Reached:
        one = replace(
            work,
            network=copy.deepcopy(work.network),
            out=work.out / "trial",
            notes={},
            trains=not sizes.limits,
            says=False,
        )
        for step, node in steps.items():
            made: Step = make({**node, option: value} if step == name else node, Step)
            made.apply(one)
        found = reached_by(one, aim, before)
        work.say(f"target: {name}.{option}={value:.3f} has {in_words(found)}")
        return found

    enough = _weakest if sizes.limits else _strongest
    try:
        return {**steps[name], option: enough(trial, aim, f"{name}.{option}")}
    finally:
        shutil.rmtree(work.out / "trial", ignore_errors=True)


def _weakest(trial: Callable[[float], Reached], goal: Goal, option: str) -> float:
    """The largest value that reaches the goal, which the smallest does."""
    low, high = STRONGEST, 1.0
    found = trial(low)
    if goal.missed(found):
        raise UserError(
            f"{asked(goal)} can't be reached; nearest: {option}={low:g} has {in_words(found)}"
        )
    for _ in range(TRIALS):
        middle = (low + high) / 2
        low, high = (middle, high) if not goal.missed(trial(middle)) else (low, middle)
    return round(low, 4)


def _strongest(trial: Callable[[float], Reached], goal: Goal, option: str) -> float:
    """The smallest value that reaches the goal."""
    low, high, met = STRONGEST, 1.0, False
    nearest: tuple[float, Reached] | None = None
    for _ in range(TRIALS):
        middle = (low + high) / 2
        found = trial(middle)
        fine = not goal.missed(found)
        low, high, met = (low, middle, True) if fine else (middle, high, met)
        nearest = (middle, found)
    if not met and nearest is not None:
        raise UserError(
            f"{asked(goal)} can't be reached; nearest: {option}={nearest[0]:.3f} has "
            f"{in_words(nearest[1])}"
        )
    return round(high, 4)


def asked(goal: Goal) -> str:
    """``target.megabytes=2``."""
    return listing(f"target.{name}={most:g}" for name, most in goal.limits.items())


def in_words(reached: Reached) -> str:
    """``1.93 MB, 0.4 points less of detection``."""
    return listing(
        f"{value:.2f} {SIZES[name]}"
        if name in SIZES
        else f"{abs(value):.1f} points {'more' if value < 0 else 'less'} of "
        f"{name.removeprefix('loss.')}"
        for name, value in reached.items()
    )
