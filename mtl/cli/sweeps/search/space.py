"""From values to sweep over to a space in which Optuna searches, and back."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from mtl.config.compose import initialised
from mtl.errors import UserError

Space = Mapping[str, BaseDistribution]


def space_of(overrides: Sequence[str], config_dir: Path | None) -> tuple[Space, list[str]]:
    """What is searched, by key, and the overrides that are the same in all jobs.

    ``interval(a,b)`` is any number between, ``int(interval(a,b))`` any whole one, and
    ``tag(log,interval(a,b))`` is searched by its logarithm; ``range`` has an order, choices none.

    Raises:
        UserError: nothing to search.
    """
    with initialised(config_dir):
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
        space = {p.get_key_element(): _distribution(p) for p in parsed if p.is_sweep_override()}
    if not space:
        raise UserError("nothing to search: write values such as lr=interval(1e-4,1e-2)")
    return space, [str(p.input_line) for p in parsed if not p.is_sweep_override()]


def typed(params: Mapping[str, Any]) -> list[str]:
    """Values that Optuna chose as overrides."""
    return [f"{key}={value}" for key, value in params.items()]


def combinations(space: Space) -> list[dict[str, Any]]:
    """Every combination of a space's choices.

    Raises:
        UserError: there are too many, between two numbers.
    """
    values = {}
    for key, distribution in space.items():
        if isinstance(distribution, CategoricalDistribution):
            values[key] = list(distribution.choices)
        elif isinstance(distribution, IntDistribution):
            step = distribution.step
            values[key] = list(range(distribution.low, distribution.high + 1, step))
        else:
            raise UserError(f"{key}: a grid needs choices: {key}=choice(A,B), not an interval")
    return [
        dict(zip(values, combination, strict=True)) for combination in product(*values.values())
    ]


def _distribution(override: Override) -> BaseDistribution:
    values = override.value()
    if isinstance(values, IntervalSweep):
        low, high, log = values.start, values.end, "log" in values.tags
        if low is None or high is None or low > high or (log and low <= 0):
            raise UserError(f"{override.input_line}: write interval(LEAST,MOST), above 0 if log")
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(float(low), float(high), log=log)
    texts = list(override.sweep_string_iterator())
    numbers = sorted(int(text) for text in texts if text.lstrip("-").isdecimal())
    if isinstance(values, RangeSweep) and 1 < len(numbers) == len(texts):
        return IntDistribution(numbers[0], numbers[-1], step=numbers[1] - numbers[0])
    return CategoricalDistribution(texts)
