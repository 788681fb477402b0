"""TensorBoard's Custom Scalars: a page for each task, in the order of the tasks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mtl.learning.logger.tags import tag_of

Layout = dict[str, dict[str, tuple[str, list[str]]]]
"""Category to chart to its kind and the patterns of the curves in it, as SummaryWriter takes it."""
MEASURED = ("val", "test")
"""The splits that have metrics."""


def layout_of(settings: Mapping[str, Any]) -> Layout:
    """Each task's training, validation and test in one chart for each of its numbers.

    Args:
        settings: the whole configuration as plain containers.
    """
    pages: Layout = {"all tasks": {"score": _chart("score", MEASURED), "loss": _chart("loss")}}
    for task in settings["tasks"]:
        pages[task] = {"loss": _chart(f"{task}/loss")}
        for name in settings["heads"][task]["metrics"]:
            pages[task][name] = _chart(f"{task}/{name}", MEASURED)
    pages["training"] = {"learning rates": _all("lr/")}
    if not settings["weighting"]["_target_"].endswith(".Equal"):
        pages["training"]["weights of the tasks"] = _all("weighting/")
    return pages


def _chart(name: str, splits: Sequence[str] = ("train", *MEASURED)) -> tuple[str, list[str]]:
    return "Multiline", [f"{re.escape(tag_of(f'{split}/{name}'))}$" for split in splits]


def _all(beginning: str) -> tuple[str, list[str]]:
    return "Multiline", [re.escape(tag_of(beginning))]
