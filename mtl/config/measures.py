"""What heads declare of their metrics: which way is better, and what bounds them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mtl.config.nearest import in_words, listing
from mtl.errors import UserError

DIRECTIONS = {"larger_is_better": True, "smaller_is_better": False}
"""Keys of a head's yaml; each maps metrics to their bounds."""
SCORE = "score"
LOSS = "loss"
GAIN = "delta_m"
"""The multi-task gain over all tasks, a share; see ``mtl/runs/baselines``."""
CHANGE = "delta"
"""A task's part in it."""

OF_SET = "."
"""Between the name of a data set and a metric on its samples alone: ``cells.iou``."""

Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Measure:
    """One metric of a head.

    Args:
        larger: whether more is better.
        low: smallest value, or -inf.
        high: largest value, or inf.
    """

    larger: bool
    low: float
    high: float

    @property
    def is_share(self) -> bool:
        """Whether 1 is perfect and 0 no better than nothing, as below 0 is."""
        return self.larger and self.high == 1


def declared(task: str, head: Mapping[str, Any]) -> dict[str, Measure]:
    """The metrics of a head that its yaml declares.

    Args:
        task: of the head.
        head: its node. ``iou_*`` stands for one metric per class.

    Raises:
        UserError: a declaration can't be understood.
    """
    found: dict[str, Measure] = {}
    for key, larger in DIRECTIONS.items():
        entries = head.get(key) or {}
        if not isinstance(entries, Mapping):
            raise UserError(
                f"heads.{task}.{key}={in_words(entries)}: must map metrics to their bounds, "
                "such as {accuracy: [0, 1]}"
            )
        for name, bounds in entries.items():
            if name in found:
                raise UserError(f"heads.{task}: {name} is declared better both ways")
            low, high = _bounds(f"heads.{task}.{key}.{name}", bounds)
            found[name] = Measure(larger, low, high)
    return found


def measure_of(task: str, metric: str, head: Mapping[str, Any]) -> Measure:
    """What is declared of one metric.

    Args:
        task: of the head.
        metric: its own name, such as ``iou``.
        head: the head's node.

    Raises:
        UserError: says how to declare it.
    """
    known = declared(task, head)
    if metric in known:
        return known[metric]
    for name, measure in known.items():
        stem = name.removesuffix("*")
        if stem != name and metric.startswith(stem) and metric != stem:
            return measure
    # ``cells.iou``: of one of several data sets.
    _, dot, of_all = metric.partition(OF_SET)
    if dot and of_all in known:
        return known[of_all]
    raise UserError(
        f"heads.{task}.metrics: {metric} is not declared; its yaml has to say which way is better, "
        f"with bounds: larger_is_better: {{{metric}: [0, 1]}} or "
        f"smaller_is_better: {{{metric}: [0, null]}}"
    )


def on_sets(metrics: Sequence[str], sets: Sequence[str]) -> list[str]:
    """A task's metrics, and the same on the samples of each data set: ``iou``, ``cells.iou``.

    Args:
        metrics: of the head.
        sets: from which its samples come, none where it is one.
    """
    return [*metrics, *(f"{name}{OF_SET}{metric}" for name in sets for metric in metrics)]


def measure_of_any(metric: str, heads: Mapping[str, Mapping[str, Any]]) -> Measure:
    """Which way a metric is better and what bounds it, as the heads declare it.

    The framework's own values are the score, a mean of shares (0 where one is below), the gain over
    single-task runs, and losses, which are minimised.

    Args:
        metric: full name, such as ``val/box/mae``, ``val/loss`` or ``test/score``.
        heads: of the tasks.

    Raises:
        UserError: it belongs to no task, or is not declared.
    """
    _, _, name = metric.partition("/")
    task, _, own = name.rpartition("/")
    if name == SCORE:
        return Measure(True, 0.0, 1.0)
    if name == GAIN or (own == CHANGE and task in heads):
        return Measure(True, -math.inf, math.inf)
    if own == LOSS and (not task or task in heads):
        return Measure(False, -math.inf, math.inf)
    if task not in heads:
        raise UserError(f"{metric}: belongs to none of the tasks {listing(heads)}")
    return measure_of(task, own, heads[task])


def mode_of(metric: str, heads: Mapping[str, Mapping[str, Any]]) -> Mode:
    """``max`` where more is better, else ``min``; see ``measure_of_any``."""
    return "max" if measure_of_any(metric, heads).larger else "min"


def _bounds(key: str, bounds: object) -> tuple[float, float]:
    """Numbers of ``[low, high]``, either of which may be null."""
    wrong = UserError(f"{key}={in_words(bounds)}: must be [low, high], either may be null")
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise wrong
    numbers = []
    for value, none in zip(bounds, (-math.inf, math.inf), strict=True):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong
        numbers.append(none if value is None else float(value))
    low, high = numbers
    if not low < high:
        raise wrong
    return low, high
