"""What a comparison says: plain values that tables, files and reports are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mtl.runs.collection.record import PassedOver, RunRecord
from mtl.runs.compare.names import in_full

Bounds = tuple[float, float]
"""Lower and upper end of a 95 % interval."""
Test = Literal["t", "exact"]
Sign = Literal["gain", "drop"]
EACH_ALONE = "each task alone"
"""What is compared with where every task has a row of its own."""
Verdict = Literal["better", "worse", "same", "unsettled", "too few"]


@dataclass(frozen=True)
class ComparedMetric:
    """A column of numbers.

    Args:
        name: full, such as ``test/box/iou`` or ``test/delta_m``.
        task: whose it is; empty where it is of the whole run.
        own: its own name, ``iou``.
        larger: whether more is better, as the cells have it.
        percent: whether it is a change, shown in percent; its values are shares all the same.
        decimals: with which its values are written, the same in all rows.
        low: smallest value that there can be; None where nothing bounds it.
        high: largest, likewise.
    """

    name: str
    task: str
    own: str
    larger: bool
    percent: bool = False
    decimals: int = 3
    low: float | None = None
    high: float | None = None

    def within(self, value: float) -> float:
        """A value, or the bound that it lies beyond: an interval's end may, which knows none."""
        return _within(value, self.low, self.high)

    def difference_within(self, value: float) -> float:
        """A difference of two values, likewise."""
        if self.low is None or self.high is None:
            return value
        return _within(value, self.low - self.high, self.high - self.low)


def _within(value: float, low: float | None, high: float | None) -> float:
    value = value if low is None else max(value, low)
    return value if high is None else min(value, high)


@dataclass(frozen=True)
class Cell:
    """A metric of a row.

    Args:
        values: by unit, which is the seed (as text) unless ``Comparison.unit`` says otherwise.
        mean: over the units.
        interval: of the mean, by Student's t over the units; None with fewer than two.
        over_images: of the mean, by bootstrap over the test images; None where none were kept.
        best: whether no row has a better mean, and some a worse one.
    """

    values: Mapping[str, float]
    mean: float
    interval: Bounds | None
    over_images: Bounds | None
    best: bool


@dataclass(frozen=True)
class McNemar:
    """Which test samples only one of two runs got right (McNemar, 1947).

    Args:
        unit: of the two runs.
        only_row: samples that only the row's run got right.
        only_reference: samples that only the reference's got right.
        p: exact, two-sided.
    """

    unit: str
    only_row: int
    only_reference: int
    p: float


@dataclass(frozen=True)
class Difference:
    """A metric of a row less the reference's, over the units that both have.

    In ``Together`` a change against single-task networks, which is held against 0.

    Args:
        values: by unit.
        missing: where only the reference has a run, in words: ``seed 2``.
        alone: where only the row has one.
        mean: over the common units.
        interval: of the mean, by the test that gave p and at the level that Holm's correction
            leaves it: it leaves 0 out just where ``adjusted`` is below 0.05. None with fewer than
            three, or with too few for the exact test to bound anything.
        effect: Cohen's d_z, the mean over the standard deviation, positive where the row is
            better; None with fewer than three, infinite where all differences are one number.
        p: two-sided; None with fewer than three.
        adjusted: p after Holm's correction over all rows and metrics.
        more: units that are missing for 80 % power at this effect and level; None where the
            verdict needs none, or none of up to 100 pairs would do.
        verdict: ``better`` or ``worse`` where adjusted p < 0.05, else ``unsettled``; ``same`` where
            no pair differs by what is worth naming; ``too few`` with fewer than three pairs.
        mcnemar: of each pair of runs whose test samples were kept.
    """

    values: Mapping[str, float]
    missing: tuple[str, ...]
    alone: tuple[str, ...]
    mean: float
    interval: Bounds | None
    effect: float | None
    p: float | None
    adjusted: float | None
    more: int | None
    verdict: Verdict
    mcnemar: tuple[McNemar, ...]


@dataclass(frozen=True)
class Together:
    """A row's runs against single-task networks of the same seeds (``mtl baselines``).

    Args:
        tasks: each task's relative change, a share by unit with the sign of ``Comparison.delta``,
            tested against 0; p is corrected over the tasks and means of all rows.
        overall: likewise Δm, the mean over tasks; None where no run has it.
        sentence: what can be said: ``better together on box (+4.2 ± 1.1 %); unsettled overall``...
    """

    tasks: Mapping[str, Difference]
    overall: Difference | None
    sentence: str


@dataclass(frozen=True)
class Singles:
    """The single-task networks that rows were compared with: each task's metrics of its own one.

    Args:
        name: in few words, unlike that of any row.
        cells: by the metric's full name, over the seeds.
    """

    name: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class ComparisonRow:
    """Runs that differ in the seed alone, or that share one choice (``by``).

    Args:
        settings: column to text; empty text where the row has no such setting.
        telling: those of them that tell the row from the others.
        name: the same in few words, unlike that of any other row.
        shares_nothing: whether its tasks share no parameter: several networks, or one task alone.
        runs: finished ones.
        unfinished: runs of the same settings that failed, were stopped, or are running.
        cells: by the metric's full name; one that no run has is absent.
        costs: by name (``Comparison.costs``): means over the runs that have it.
        differences: to the reference, by the metric's full name; none in the reference itself.
        sentence: what can be said; empty for the reference.
        together: what training its tasks together gains over each alone; None where no run knows.
    """

    settings: Mapping[str, str]
    telling: Mapping[str, str]
    name: str
    shares_nothing: bool
    runs: tuple[RunRecord, ...]
    unfinished: tuple[RunRecord, ...]
    cells: Mapping[str, Cell]
    costs: Mapping[str, float]
    differences: Mapping[str, Difference]
    sentence: str
    together: Together | None = None

    @property
    def label(self) -> str:
        """As ``in_full`` has it."""
        return in_full(self.telling)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the finished runs, ascending."""
        return tuple(sorted({run.seed for run in self.runs}))


@dataclass(frozen=True)
class Comparison:
    """Runs compared.

    Args:
        columns: what differs between the runs: groups (``weighting``) and dotted keys.
        metrics: in the order of their columns.
        costs: names of what the runs cost, as in results.json: ``parameters``, ``duration_s``...
        rows: in the order in which their first runs were started.
        reference: place of the row that the others are compared with; of ``alone`` the first.
        alone: each task to the place of the row of that task alone, with which the others are
            compared in its metrics; empty where ``reference`` is that of all metrics.
        unit: what is paired and averaged over: ``seed``, or ``setting`` where ``by`` puts
            runs of one seed and different settings together.
        test: by which p was found.
        delta: the sign of changes: ``gain`` (more is better) or ``drop`` (less is better).
        by: the one choice that makes the rows; None where all that differs does.
        passed_over: folders that were no runs.
        notes: what is worth knowing about the whole, a sentence each.
        chance: full name of a metric to what it comes to without a look at the images, where the
            runs know that and agree.
        singles: what single-task networks reach, where rows were compared with such (``together``).
    """

    columns: tuple[str, ...]
    metrics: tuple[ComparedMetric, ...]
    costs: tuple[str, ...]
    rows: tuple[ComparisonRow, ...]
    reference: int
    alone: Mapping[str, int]
    unit: Literal["seed", "setting"]
    test: Test
    delta: Sign
    by: str | None
    passed_over: tuple[PassedOver, ...]
    notes: tuple[str, ...]
    chance: Mapping[str, float]
    singles: tuple[Singles, ...]

    def reference_of(self, metric: ComparedMetric) -> int:
        """Place of the row that the others are compared with in a metric."""
        return self.alone.get(metric.task, self.reference)

    @property
    def references(self) -> tuple[int, ...]:
        """Places of the rows that others are compared with."""
        return tuple(self.alone.values()) or (self.reference,)

    @property
    def reference_name(self) -> str:
        """What the others are compared with, in few words."""
        return EACH_ALONE if self.alone else self.rows[self.reference].name
