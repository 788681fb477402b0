"""What the sections of a page are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mtl.config.trust import Trust
from mtl.runs.compare.compare import mark_best
from mtl.runs.compare.comparison import (
    EACH_ALONE,
    Cell,
    ComparedMetric,
    Comparison,
    ComparisonRow,
)
from mtl.runs.page.further import further_cells, further_metrics
from mtl.runs.page.gather.evidence import Evidence, gather


@dataclass(frozen=True)
class PageRow:
    """A row of the comparison with what its runs left.

    Args:
        place: in the comparison; decides its colour.
        label: short, unlike all others.
        row: of the comparison.
        cells: of all metrics of the page, by full name.
        evidence: of its finished runs.
    """

    place: int
    label: str
    row: ComparisonRow
    cells: Mapping[str, Cell]
    evidence: Sequence[Evidence]


@dataclass(frozen=True)
class PageData:
    """Everything that a page shows.

    Args:
        comparison: of the runs.
        rows: in its order.
        metrics: those that are compared, then the others of the same split.
        main: each task's main metric, its own name (``iou``); in the order of the tasks.
        split: that the metrics are of, ``test`` or ``val``.
        trust: whose classes may be made to read test images again.
    """

    comparison: Comparison
    rows: Sequence[PageRow]
    metrics: Sequence[ComparedMetric]
    main: Mapping[str, str]
    split: str
    trust: Trust

    @property
    def labels(self) -> list[str]:
        """Of the rows."""
        return [row.label for row in self.rows]

    @property
    def reference(self) -> PageRow:
        """The row that the others are compared with; see ``reference_of``."""
        return self.rows[self.comparison.reference]

    @property
    def reference_label(self) -> str:
        """What the others are compared with."""
        return EACH_ALONE if self.comparison.alone else self.reference.label

    def reference_of(self, metric: ComparedMetric) -> PageRow:
        """The row that the others are compared with in a metric."""
        return self.rows[self.comparison.reference_of(metric)]

    @property
    def evidence(self) -> list[Evidence]:
        """Of all runs."""
        return [evidence for row in self.rows for evidence in row.evidence]

    @property
    def main_names(self) -> list[str]:
        """Full names of the main metrics."""
        return [f"{self.split}/{task}/{own}" for task, own in self.main.items()]


def page_data(comparison: Comparison, trust: Trust | None = None) -> PageData:
    """Read what the runs left beside their results.

    Args:
        comparison: of the runs.
        trust: see ``PageData``; None for the package alone.
    """
    bare = from_results(comparison)
    more = further_metrics(comparison, bare.split)
    further = [further_cells(row, more, comparison) for row in comparison.rows]
    alone = sum(len(row.runs) for row in comparison.rows) == 1
    mark_best(further, more)
    rows = [
        PageRow(
            place,
            "this run" if alone else row.name,
            row,
            {**row.cells, **further[place]},
            [gather(run) for run in row.runs],
        )
        for place, row in enumerate(comparison.rows)
    ]
    metrics = [*comparison.metrics, *more]
    return replace(bare, rows=rows, metrics=metrics, trust=trust or Trust())


def from_results(comparison: Comparison) -> PageData:
    """What a comparison knows by itself: no file is read, and no metric is there beside its own.

    Args:
        comparison: of the runs.
    """
    main: dict[str, str] = {}
    for row in comparison.rows:
        for run in row.runs:
            for task, head in run.heads.items():
                main.setdefault(task, str(head["metrics"][0]))
    rows = [PageRow(p, row.name, row, row.cells, ()) for p, row in enumerate(comparison.rows)]
    split = comparison.metrics[0].name.partition("/")[0]
    return PageData(comparison, rows, comparison.metrics, main, split, Trust())
