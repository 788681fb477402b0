"""What a reader has to know about a comparison as a whole."""

from collections.abc import Callable, Iterator, Sequence

from mtl.config.nearest import listing
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.comparison import Comparison, ComparisonRow, Difference
from mtl.runs.compare.gain_notes import gain_notes
from mtl.runs.compare.settings import in_print
from mtl.words import some

FEW = 3
"""Rows that are named; of more it is said how many."""
MANY = 6
"""Places that are named at most, with how many more there are."""


def notes_on(comparison: Comparison, unfinished: Sequence[RunRecord]) -> Iterator[str]:
    """A sentence each: what is missing, what failed, what makes runs unlike each other or rules Δm.

    Args:
        comparison: without notes.
        unfinished: runs that failed, were stopped or are running.
    """
    if all(metric.name.startswith("val/") for metric in comparison.metrics):
        yield "no run was evaluated on the test split: these are numbers of validation"
    data = [column for column in comparison.columns if column.split(".")[0] == "data"]
    if data and comparison.by is None:
        yield (
            f"rows differ in {listing(data)}: their numbers may be of different test images; "
            "by=KEY compares one choice within each"
        )
    yield from _unpaired(comparison)
    yield from gain_notes(comparison.rows)
    for run in unfinished:
        why = f" ({one_line(run.status['error'])})" if run.status.get("error") else ""
        yield f"{run.path} {_state(run)}{why}"
    commits = {str(c)[:8] for row in comparison.rows for c in _commits(row)}
    if len(commits) > 1:
        yield f"the runs were made with {len(commits)} commits: {listing(sorted(commits))}"


def one_line(text: object) -> str:
    """Text of a file as the end of a line; what can't be printed is replaced."""
    return in_print(" ".join(str(text).split()))


def _unpaired(comparison: Comparison) -> Iterator[str]:
    """Seeds that only one of a row and the reference has, rows with the same told together."""
    reference = f"the reference {comparison.rows[comparison.reference].label}"
    if comparison.alone:
        reference = "the row of the task alone"
    rows = [row for i, row in enumerate(comparison.rows) if i not in comparison.references]
    for missing, alike in _alike(rows, lambda difference: difference.missing).items():
        lack = "lacks" if len(alike) == 1 else "lack"
        yield f"{_rows(alike)} {lack} {some(missing, MANY)}, which {reference} has"
    for alone, alike in _alike(rows, lambda difference: difference.alone).items():
        have = "has" if len(alike) == 1 else "have"
        yield f"{reference} lacks {some(alone, MANY)}, which {_rows(alike)} {have}"
    for row in rows:
        if not row.differences:
            yield f"{row.label} has no metric in common with {reference}"


def _alike(
    rows: Sequence[ComparisonRow], places: Callable[[Difference], tuple[str, ...]]
) -> dict[tuple[str, ...], list[str]]:
    """Places to the labels of the rows that have just these; rows without any left out."""
    found: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        own = tuple(dict.fromkeys(p for d in row.differences.values() for p in places(d)))
        if own:
            found.setdefault(own, []).append(row.label)
    return found


def _rows(labels: Sequence[str]) -> str:
    return listing(labels) if len(labels) <= FEW else f"{len(labels)} rows"


def _state(run: RunRecord) -> str:
    states = {"failed": "failed", "interrupted": "was interrupted"}
    return states.get(run.state, "is running, or was killed")


def _commits(row: ComparisonRow) -> list[object]:
    return [c for run in row.runs if (c := run.environment.get("commit"))]
