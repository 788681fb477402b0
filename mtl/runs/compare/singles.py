"""What the tasks' own networks reach, with which rows are compared that were trained together.

A run's gain holds the values of its baselines, so a seed has them once, whichever rows it is in:
rows of the same baselines share what is shown of these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mtl.runs.compare.comparison import Cell, ComparisonRow, Singles
from mtl.runs.compare.groups import Unit
from mtl.runs.compare.metrics import is_finite
from mtl.runs.compare.statistics.mean import mean_interval
from mtl.words import some

NAME = "each alone"
FEW = 2
"""Rows that are named where baselines differ between them; of more it is said how many."""


@dataclass
class _Family:
    """Rows of the same baselines, and metric to seed to value of these."""

    rows: list[str] = field(default_factory=list)
    values: dict[str, dict[str, float]] = field(default_factory=dict)

    def agrees(self, values: Mapping[str, Mapping[str, float]]) -> bool:
        """Whether nothing that both know differs, and both know something."""
        common = [
            (self.values[name][seed], value)
            for name, own in values.items()
            for seed, value in own.items()
            if seed in self.values.get(name, {})
        ]
        return bool(common) and all(mine == other for mine, other in common)


def singles(rows: Sequence[ComparisonRow], unit: Unit) -> tuple[Singles, ...]:
    """One for all rows, or one for each family of rows whose baselines differ.

    Args:
        rows: of a comparison.
        unit: what is averaged over; over other settings than the seed there is nothing to show.
    """
    families: list[_Family] = []
    for row in rows if unit == "seed" else ():
        values = _values(row)
        if not values:
            continue
        family = next((known for known in families if known.agrees(values)), None)
        if family is None:
            family = _Family()
            families.append(family)
        family.rows.append(row.name)
        for name, own in values.items():
            family.values.setdefault(name, {}).update(own)
    return tuple(
        Singles(
            NAME if len(families) == 1 else f"{NAME} ({some(family.rows, FEW)})",
            {name: _cell(own) for name, own in family.values.items()},
        )
        for family in families
    )


def _values(row: ComparisonRow) -> dict[str, dict[str, float]]:
    """By metric and seed; none where runs of one seed have several, as with ``by``."""
    found: dict[str, dict[str, float]] = {}
    for seed, alone in _alone(row):
        for name, value in alone.items():
            if is_finite(value):
                own = found.setdefault(str(name), {})
                if own.setdefault(seed, value) != value:
                    return {}
    return found


def _alone(row: ComparisonRow) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for run in row.runs:
        gain = run.results.get("gain")
        alone = gain.get("alone") if isinstance(gain, Mapping) else None
        if isinstance(alone, Mapping):
            yield str(run.seed), alone


def _cell(values: Mapping[str, float]) -> Cell:
    ordered = {seed: values[seed] for seed in sorted(values, key=int)}
    numbers = [*ordered.values()]
    return Cell(ordered, float(np.mean(numbers)), mean_interval(numbers), None, best=False)
