"""What findings are found in."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from omegaconf import DictConfig

from mtl.data.inspection import findings as folder
from mtl.data.inspection.statistics import SplitStatistics, count, evenly
from mtl.data.loading.module import MultiTaskData
from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS, ArraySource, Source, Split

MOST_OPENED = 500
"""Training samples that are counted where that means opening files."""
MOST_LABELS = 50_000
"""Likewise where labels are at hand."""
MOST_SHOWN = 5


@dataclass(frozen=True)
class Looked:
    """Data as the tasks of a configuration see it.

    Args:
        cfg: the whole configuration.
        data: prepared.
        counted: the training split's statistics where they are known already.
    """

    cfg: DictConfig
    data: MultiTaskData
    counted: SplitStatistics | None = None

    @cached_property
    def targets(self) -> dict[str, Target]:
        """Those that tasks learn from, by name."""
        names = dict.fromkeys(str(self.cfg.heads[task].target) for task in self.cfg.tasks)
        there = self.data.targets
        return {name: there[name] for name in names if name in there}

    @cached_property
    def sources(self) -> dict[Split, Source]:
        """The splits that there are, as they are on disk."""
        found = {split: self.data.files(split) for split in SPLITS}
        return {split: source for split, source in found.items() if source is not None}

    @cached_property
    def train(self) -> SplitStatistics | None:
        """The training split's statistics; None where telling would take decoding images."""
        if self.counted is not None:
            return self.counted
        source = self.sources["train"]
        if not tells_cheaply(source):
            return None
        most = MOST_OPENED if source.strata() is None else MOST_LABELS
        rows = evenly(len(source), most)
        return count("train", source, self.targets, rows, opened=False)

    @property
    def of(self) -> str:
        """Which training samples were counted, as the end of a sentence; nothing for all."""
        found = self.train
        if found is None or found.looked_at >= found.total:
            return ""
        return f" among the {found.looked_at} of {found.total} samples looked at"

    def hint(self, key: str, text: str) -> str:
        """A remedy, as the end of a line; nothing where the data set has no such key."""
        return f"; {text}" if key in self.cfg.data else ""


def find_all(looked: Looked) -> Iterator[str]:
    """The lines of every finding there is, in the order of their files' names."""
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda found: found.name):
        yield from importlib.import_module(f"{folder.__name__}.{module.name}").find(looked)


def tells_cheaply(source: Source) -> bool:
    """Whether targets can be told without decoding images."""
    if isinstance(source, ArraySource):
        return True
    if type(source).annotations is Source.annotations:
        return False
    inner = getattr(source, "source", None)
    return tells_cheaply(inner) if isinstance(inner, Source) else True


def some(names: list[str]) -> str:
    """The first names of many."""
    return ", ".join(names[:MOST_SHOWN]) + ", ..." * (len(names) > MOST_SHOWN)


def merged(lines: Mapping[str, str]) -> Iterator[str]:
    """Lines about targets, each once with all targets that it is true of.

    Args:
        lines: target name to what is to be said.
    """
    for text in dict.fromkeys(lines.values()):
        yield f"{', '.join(name for name, line in lines.items() if line == text)}: {text}"
