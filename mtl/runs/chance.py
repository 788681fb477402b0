"""The level of chance beside what was reached: what a network gets that ignores the images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.errors import BadFile
from mtl.files import read_json

HARDLY = 0.1
"""Share of the way from chance to perfect below which a task has learnt next to nothing."""
PERFECT = 1.0
"""Of every main metric, which is a share."""
FILES = ("curves/test.json", "eval/curves_test.json")
"""Where a run's levels of the test split lie: of the training, or of ``mtl eval``."""
Levels = Mapping[str, Mapping[str, float]]
"""Task to metric to its level."""


def hardly_beats(value: float, level: float) -> bool:
    """Whether a metric is within a tenth of the way from chance to perfect, or below chance."""
    return value - level < HARDLY * (PERFECT - level)


def levels_of(curves: Any) -> dict[str, dict[str, float]]:
    """Those that are numbers.

    Args:
        curves: by task, as ``mtl/model/curves/base.py`` describes them; of a file perhaps others.
    """
    tasks = curves if isinstance(curves, Mapping) else {}
    nodes = {task: own.get("chance") for task, own in tasks.items() if isinstance(own, Mapping)}
    return {
        str(task): {str(m): float(v) for m, v in node.items() if isinstance(v, int | float)}
        for task, node in nodes.items()
        if isinstance(node, Mapping)
    }


def read_levels(folder: Path, files: Sequence[str] = FILES) -> dict[str, dict[str, float]]:
    """Of a run's test split; none where it kept none, or not so that they can be read."""
    for name in files:
        try:
            found = levels_of(read_json(folder / name))
        except BadFile:
            continue
        if found:
            return found
    return {}


def chance_line(told: Sequence[str]) -> str:
    """``chance, without a look at the images: classification accuracy 0.200``.

    Args:
        told: metrics with their levels.
    """
    return f"chance, without a look at the images: {', '.join(told)}"


def chance_lines(
    metrics: Mapping[str, float], levels: Levels, main: Mapping[str, str], split: str
) -> list[str]:
    """What to say below the metrics of one run: the levels, and which tasks hardly leave them.

    Args:
        metrics: by full name.
        levels: of the split.
        main: task to the name of its main metric.
        split: that the levels are of.
    """
    told, warnings = [], []
    for task, name in main.items():
        value, level = metrics.get(f"{split}/{task}/{name}"), levels.get(task, {}).get(name)
        if value is None or level is None:
            continue
        told.append(f"{task} {name} {level:.3f}")
        if hardly_beats(value, level):
            warnings.append(
                f"{task} hardly leaves chance ({name} {value:.3f}, chance {level:.3f}): "
                "differences at this level mean nothing"
            )
    return [chance_line(told), *warnings] if told else []


def chance_lines_of(cfg: DictConfig, folder: Path, metrics: Mapping[str, float]) -> list[str]:
    """Of a run that has just ended, from the curves that its evaluation left.

    Args:
        cfg: of the run.
        folder: likewise.
        metrics: by full name.
    """
    main = {str(task): str(cfg.heads[task].metrics[0]) for task in cfg.tasks}
    split = "test" if any(name.startswith("test/") for name in metrics) else "val"
    return chance_lines(metrics, read_levels(folder, [f"curves/{split}.json"]), main, split)
