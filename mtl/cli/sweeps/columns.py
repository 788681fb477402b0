"""What a table of a sweep's jobs has to show."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl.config.hyperparameters import Plain, plain
from mtl.config.measures import GAIN
from mtl.config.overrides import key_of, parse


def metrics_of(configurations: Sequence[Mapping[str, Any]]) -> list[str]:
    """The metrics of all tasks of all jobs, ``task/metric``: the gain if it is wanted, main ones.

    The others follow.

    Args:
        configurations: of the jobs.
    """
    heads = [(t, head["metrics"]) for cfg in configurations for t, head in cfg["heads"].items()]
    main = [f"{task}/{names[0]}" for task, names in heads]
    every = [f"{task}/{name}" for task, names in heads for name in names]
    wanted = any(cfg["baselines"] and len(cfg["tasks"]) > 1 for cfg in configurations)
    return list(dict.fromkeys([*([GAIN] if wanted else []), *main, *every]))


def varied(jobs: Sequence[Sequence[str]]) -> dict[str, list[Plain]]:
    """The keys in which jobs differ, in the order in which they were written, with their values.

    Args:
        jobs: the overrides of each.
    """
    values: dict[str, dict[Plain, None]] = {}
    for job in jobs:
        for override in job:
            value = plain(parse(override).value())
            values.setdefault(key_of(override).lstrip("+"), {})[value] = None
    return {key: list(found) for key, found in values.items() if len(found) > 1}
