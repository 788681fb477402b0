"""Runs put together to rows, and their numbers to one per unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.comparison import ComparedMetric, Sign
from mtl.runs.compare.metrics import value_of

Unit = Literal["seed", "setting"]
Point = tuple[str, str]
"""Where a run stands within its row: what else differs, in words, and the seed."""


@dataclass(frozen=True)
class RunGroup:
    """A row before anything is computed.

    Args:
        settings: column to text.
        runs: finished ones by their place; several where an option of the row's own choice differs.
        unfinished: the others of the same settings.
    """

    settings: Mapping[str, str]
    runs: Mapping[Point, Sequence[RunRecord]]
    unfinished: Sequence[RunRecord]

    @property
    def members(self) -> tuple[RunRecord, ...]:
        """All finished runs."""
        return tuple(run for runs in self.runs.values() for run in runs)

    def points(self, metric: ComparedMetric, delta: Sign) -> dict[Point, float]:
        """A metric at each place that has it."""
        found = {}
        for point, runs in self.runs.items():
            values = [v for run in runs if (v := value_of(run, metric, delta)) is not None]
            if values:
                found[point] = float(np.mean(values))
        return found


def grouped(
    finished: Sequence[tuple[RunRecord, Mapping[str, str]]],
    unfinished: Sequence[tuple[RunRecord, Mapping[str, str]]],
    by: str | None,
) -> list[RunGroup]:
    """Rows in the order of their first runs; settings of which no run has finished have none.

    Args:
        finished: runs with their settings by column.
        unfinished: likewise.
        by: the column that makes the rows, or None for all.

    Raises:
        UserError: no such column.
    """
    columns = list(finished[0][1]) if finished else []
    if by is not None and by not in columns:
        near = nearest(by, columns)
        hint = f"; did you mean {near[0]}?" if near else f". There differ: {listing(columns)}"
        raise UserError(f"by={by}: the runs don't differ in it{hint}")
    others = [c for c in columns if by is not None and c != by and not c.startswith(f"{by}.")]
    shown = columns if by is None else [by]
    rows: dict[tuple[str, ...], dict[Point, list[RunRecord]]] = {}
    for run, settings in finished:
        row = rows.setdefault(tuple(settings[c] for c in shown), {})
        row.setdefault((in_words(settings, others), str(run.seed)), []).append(run)
    left: dict[tuple[str, ...], list[RunRecord]] = {}
    for run, settings in unfinished:
        left.setdefault(tuple(settings[c] for c in shown), []).append(run)
    return [
        RunGroup(dict(zip(shown, key, strict=True)), runs, left.get(key, []))
        for key, runs in rows.items()
    ]


def in_words(settings: Mapping[str, str], columns: Sequence[str]) -> str:
    """``backbone=resnet18 lr=0.1``."""
    return " ".join(f"{c}={settings[c]}" for c in columns if settings[c])


def unit_of(groups: Sequence[RunGroup]) -> Unit:
    """What is averaged over last: the seed, or the other settings where there is one seed alone."""
    points = [point for group in groups for point in group.runs]
    one_seed = len({seed for _, seed in points}) == 1
    return "setting" if one_seed and len({other for other, _ in points}) > 1 else "seed"


def per_unit(points: Mapping[Point, float], unit: Unit) -> dict[str, float]:
    """The mean at each unit, in the order of the units.

    Args:
        points: values or differences by place.
        unit: ``seed``, so that what else differs is averaged over within a seed, or ``setting``.
    """
    found: dict[str, list[float]] = {}
    for (other, seed), value in points.items():
        found.setdefault(seed if unit == "seed" else other, []).append(value)
    names = sorted(found, key=lambda name: (int(name), "") if unit == "seed" else (0, name))
    return {name: float(np.mean(found[name])) for name in names}
