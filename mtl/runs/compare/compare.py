"""From run folders to what can be said about them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mtl.errors import UserError
from mtl.runs.affinity.commands import overrides_of
from mtl.runs.collection.record import FoundRuns, PassedOver, RunRecord
from mtl.runs.compare.chance import chance_of
from mtl.runs.compare.columns import cells_of, differing
from mtl.runs.compare.comparison import Cell, ComparedMetric, Comparison, ComparisonRow, Sign
from mtl.runs.compare.control import shares_nothing
from mtl.runs.compare.differences import Pairs, differences
from mtl.runs.compare.groups import RunGroup, Unit, grouped, per_unit, unit_of
from mtl.runs.compare.images import ImageEvidence
from mtl.runs.compare.member_names import MemberNames
from mtl.runs.compare.metrics import change_metrics, compared_metrics, is_finite
from mtl.runs.compare.names import printed_names
from mtl.runs.compare.notes import notes_on
from mtl.runs.compare.output.words import Digits
from mtl.runs.compare.question import Question
from mtl.runs.compare.reference import reference_row, rows_alone
from mtl.runs.compare.sentence import sentence
from mtl.runs.compare.settings import settings_of
from mtl.runs.compare.singles import singles
from mtl.runs.compare.statistics.mean import mean_interval
from mtl.runs.compare.telling import telling
from mtl.runs.compare.together import together

COSTS = ("parameters", "multiply_adds", "duration_s", "images_per_second", "peak_memory_mb")
"""Keys of results.json that say what a run cost."""
Placed = tuple[RunRecord, dict[str, str]]
"""A run and its settings by column."""


def compare(
    found: FoundRuns, question: Question | None = None, config_dir: Path | None = None
) -> Comparison:
    """Put runs together to rows, and hold the rows against a reference.

    Args:
        found: the runs.
        question: what is asked; None for what differs, each task's main metric, and t-tests.
        config_dir: a user's folder of further members, whose names rows then carry.

    Raises:
        UserError: no run has finished, or the question names what isn't there.
    """
    ask = question or Question()
    if not found.finished:
        reasons = [f"{p.path}: {p.reason}" for p in found.passed_over]
        reasons += [f"{run.path}: {run.state}" for run in found.unfinished]
        raise UserError(f"no finished run to compare; {'; '.join(reasons[:3])}")
    members = MemberNames(config_dir)
    runs = [*found.finished, *found.unfinished]
    for run in runs:
        members.learn(run.config, overrides_of(run.path) or ())
    settings = [settings_of(run, members) for run in runs]
    columns = differing(settings)
    placed = [(run, cells_of(own, columns)) for run, own in zip(runs, settings, strict=True)]
    finished, repeated = newest(placed[: len(found.finished)])
    groups = grouped(finished, placed[len(found.finished) :], ask.by)
    metrics = compared_metrics([run for run, _ in finished], ask.metrics, ask.delta)
    told = telling([group.settings for group in groups])
    columns = columns if ask.by is None else [ask.by]
    names = printed_names(columns, told)
    alone = rows_alone(groups) if ask.reference is None else {}
    reference = next(iter(alone.values()), None)
    if reference is None:
        reference = reference_row(groups, names, ask.reference)
    held = {metric: groups[alone.get(metric.task, reference)] for metric in metrics}
    images, unit = ImageEvidence(ask.draws), unit_of(groups)
    pairs = {
        (place, metric.name): Pairs(
            metric,
            mine,
            theirs,
            images.mcnemar(group, held[metric], metric, unit),
        )
        for metric in metrics
        if (theirs := held[metric].points(metric, ask.delta))
        for place, group in enumerate(groups)
        if group is not held[metric] and (mine := group.points(metric, ask.delta))
    }
    tested = differences(pairs, unit, ask.test)
    cells = [cells_in(group, metrics, ask.delta, unit, images) for group in groups]
    mark_best(cells, metrics)
    changes = change_metrics([run for run, _ in finished], ask.delta)
    gains = together(groups, changes, ask.delta, unit, ask.test)
    rows = []
    for place, group in enumerate(groups):
        own = {name: difference for (row, name), difference in tested.items() if row == place}
        rows.append(
            ComparisonRow(
                settings=group.settings,
                telling=told[place],
                name=names[place],
                shares_nothing=all(map(shares_nothing, group.members)),
                runs=group.members,
                unfinished=tuple(group.unfinished),
                cells=cells[place],
                costs=costs_of(group.members),
                differences=own,
                sentence=sentence(metrics, own, unit, ask.test) if own else "",
                together=gains[place],
            )
        )
    comparison = Comparison(
        columns=tuple(columns),
        metrics=tuple(metrics),
        costs=tuple(name for name in COSTS if any(name in row.costs for row in rows)),
        rows=tuple(rows),
        reference=reference,
        alone=alone,
        unit=unit,
        test=ask.test,
        delta=ask.delta,
        by=ask.by,
        passed_over=(*found.passed_over, *repeated, *images.broken.values()),
        notes=(),
        chance=chance_of(run for run, _ in finished),
        singles=singles(rows, unit),
    )
    return replace(comparison, notes=tuple(notes_on(comparison, found.unfinished)))


def newest(runs: Sequence[Placed]) -> tuple[list[Placed], list[PassedOver]]:
    """Of runs with the same settings and seed, the one that was started last.

    Returns:
        The runs that count, in their order, and the others.
    """
    kept: dict[tuple[object, ...], Placed] = {}
    passed = []
    for run, settings in runs:
        key = run.seed, *settings.values()
        other = kept.get(key)
        first, last = (run, run) if other is None else sorted((other[0], run), key=_started)
        if other is None or last is run:
            kept[key] = run, settings
        if first is not last:
            passed.append(
                PassedOver(
                    first.path, f"has the settings and the seed of {last.path}, which is newer"
                )
            )
    return [*kept.values()], passed


def cells_in(
    group: RunGroup,
    metrics: Sequence[ComparedMetric],
    delta: Sign,
    unit: Unit,
    images: ImageEvidence,
) -> dict[str, Cell]:
    """A row's numbers by metric, those that it has."""
    cells = {}
    for metric in metrics:
        values = per_unit(group.points(metric, delta), unit)
        if values:
            cells[metric.name] = Cell(
                values=values,
                mean=float(np.mean([*values.values()])),
                interval=mean_interval([*values.values()]),
                over_images=images.interval(group, metric),
                best=False,
            )
    return cells


def mark_best(rows: Sequence[dict[str, Cell]], metrics: Sequence[ComparedMetric]) -> None:
    """Mark, in place, the best mean of each metric, unless all rows are alike as shown."""
    for metric in metrics:
        having = [row for row in rows if metric.name in row]
        means = [row[metric.name].mean for row in having]
        shown = [Digits(metric).plain(mean) for mean in means]
        if len(set(shown)) > 1:
            best = shown[means.index(max(means) if metric.larger else min(means))]
            for row, text in zip(having, shown, strict=True):
                row[metric.name] = replace(row[metric.name], best=text == best)


def costs_of(runs: Sequence[RunRecord]) -> dict[str, float]:
    """Means over the runs that have a number."""
    found: Mapping[str, list[float]] = {
        name: [float(v) for run in runs if is_finite(v := run.results.get(name))] for name in COSTS
    }
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def _started(run: RunRecord) -> str:
    return run.started
