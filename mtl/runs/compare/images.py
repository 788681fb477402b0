"""What the test images say, where runs kept what they decided on each (``callbacks.samples``)."""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from mtl.errors import BadFile
from mtl.runs.collection.record import PassedOver, RunRecord
from mtl.runs.compare.comparison import Bounds, ComparedMetric, McNemar
from mtl.runs.compare.groups import Point, RunGroup, Unit
from mtl.runs.compare.statistics.bootstrap import over_images
from mtl.runs.compare.statistics.mcnemar import mcnemar
from mtl.runs.samples import KeptSamples

IN_MEMORY = 32
"""Runs whose samples are held at a time: the reference's and a row's."""


class ImageEvidence:
    """Reads kept samples when they are asked for.

    Args:
        draws: of test images for an interval; 0: none.
    """

    def __init__(self, draws: int) -> None:
        self.draws = draws
        self.broken: dict[Path, PassedOver] = {}
        self._load = lru_cache(maxsize=IN_MEMORY)(self._read)

    def interval(self, group: RunGroup, metric: ComparedMetric) -> Bounds | None:
        """95 % interval of a row's mean, by bootstrap over the test images.

        Args:
            group: a row, all of whose runs must have kept their decisions on the same images.
            metric: a task's main one; others can't be computed anew.

        Returns:
            None where that is not so.
        """
        kept = [self._kept(run, metric) for run in group.members] if self.draws else []
        found = [samples for samples in kept if samples is not None]
        if not found or len(found) < len(kept) or not _same_images(found, metric.task):
            return None
        scores = [partial(samples.score, metric.task) for samples in found]
        return over_images(scores, len(found[0].ids(metric.task)), self.draws)

    def mcnemar(
        self, row: RunGroup, reference: RunGroup, metric: ComparedMetric, unit: Unit
    ) -> tuple[McNemar, ...]:
        """McNemar's test of each pair of runs that kept what they got right."""
        found = []
        for point in (point for point in row.runs if point in reference.runs):
            first, second = (self._kept(g.runs[point][0], metric) for g in (row, reference))
            if first is None or second is None or not _same_images([first, second], metric.task):
                continue
            right, other = first.right(metric.task), second.right(metric.task)
            if right is not None and other is not None:
                found.append(McNemar(_name(point, unit), *mcnemar(right, other)))
        return tuple(found)

    def _kept(self, run: RunRecord, metric: ComparedMetric) -> KeptSamples | None:
        samples = self._load(run.path, metric.name.partition("/")[0])
        if samples is None or metric.task not in samples.tasks:
            return None
        return samples if samples.metric(metric.task) == metric.own else None

    def _read(self, folder: Path, split: str) -> KeptSamples | None:
        try:
            return KeptSamples.load(folder, split)
        except BadFile as bad:
            self.broken[folder] = PassedOver(Path(bad.path), bad.reason)
            return None


def _name(point: Point, unit: Unit) -> str:
    other, seed = point
    return other if unit == "setting" else f"{seed} {other}".strip()


def _same_images(kept: Sequence[KeptSamples], task: str) -> bool:
    first, *others = (samples.ids(task) for samples in kept)
    return len(first) > 1 and all(first == other for other in others)
