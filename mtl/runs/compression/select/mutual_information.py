"""``select.method=mutual_information``."""

from collections.abc import Iterable

import torch
from torch import Tensor

from mtl.data.batch import Batch, Labelled
from mtl.model.network import Network
from mtl.runs.compression.select.levels import Levels, fused

PER_CELL = 5
"""Samples that a cell of the table of two discretised numbers has at least, on average."""
MOST_BINS = 16


def mutual_information(network: Network, batches: Iterable[Batch]) -> Levels:
    """What a channel's mean over the picture tells of a task's label, in nats.

    The label in numbers of whole images, as the target's kind has it (``TargetKind.numbers``):
    each class or not, objects of each class, the share of each class in the pixels, a box's
    coordinates. A channel's score is the mean over these numbers. The network's heads take no part.

    Args:
        network: in evaluation mode.
        batches: labelled, with normalised images.

    Returns:
        Task to stride to (C,), at least 0.
    """
    pooled: dict[str, dict[int, list[Tensor]]] = {}
    numbers: dict[str, list[Tensor]] = {}
    for batch in batches:
        for task, found in fused(network, batch.image).items():
            head = network.head(task)
            labels: Labelled | None = head.labels(batch, network.target_names[task])
            if labels is None:
                continue
            numbers.setdefault(task, []).append(head.label_numbers(labels))
            for stride, maps in found.items():
                streams = maps.mean((-2, -1)).view(network.fusion.streams, len(batch), -1)
                rows = pooled.setdefault(task, {}).setdefault(stride, [])
                rows.append(streams.mean(0)[labels.index])
    return {
        task: {
            stride: information(torch.cat(rows), torch.cat(numbers[task])).mean(1)
            for stride, rows in levels.items()
        }
        for task, levels in pooled.items()
    }


def information(values: Tensor, numbers: Tensor) -> Tensor:
    """Mutual information of each column with each, from tables of equally frequent bins.

    What finite tables have too much on average is taken off (Miller, 1955).

    Args:
        values: (n, C).
        numbers: (n, M), NaN where unknown, which counts for nothing.

    Returns:
        (C, M) nats, at least 0; 0 where fewer than two samples are known.
    """
    found = torch.zeros(values.shape[1], numbers.shape[1], dtype=torch.float64)
    for place, number in enumerate(numbers.unbind(1)):
        known = ~number.isnan()
        count = int(known.sum())
        if count < 2:
            continue
        bins = min(MOST_BINS, max(2, round((count / PER_CELL) ** 0.5)))
        rows, columns = binned(values[known], bins), binned(number[known, None], bins)
        found[:, place] = _table_information(rows, columns[:, 0], bins)
    return found.float()


def binned(values: Tensor, bins: int) -> Tensor:
    """The number of each entry's bin; bins of a column hold about equally many entries.

    Equal entries share a bin, and those of a column with no more distinct entries than bins have
    one each.

    Args:
        values: (n, C).
        bins: at least 2.

    Returns:
        (n, C) int64, 0 to ``bins`` - 1.
    """
    columns = []
    for column in values.unbind(1):
        distinct, place = torch.unique(column, return_inverse=True)
        if len(distinct) > bins:
            shares = torch.arange(1, bins) / bins
            edges = torch.quantile(column.double(), shares.double())
            place = torch.bucketize(column.double(), edges)
        columns.append(place)
    return torch.stack(columns, 1)


def _table_information(rows: Tensor, column: Tensor, bins: int) -> Tensor:
    """(C,) of (n, C) with (n,), both of numbers of bins."""
    count, channels = rows.shape
    cells = (torch.arange(channels) * bins + rows) * bins + column[:, None]
    table = torch.bincount(cells.flatten(), minlength=channels * bins * bins)
    joint = table.view(channels, bins, bins).double() / count
    one, other = joint.sum(2), joint.sum(1)
    entropies = [torch.special.entr(shares).flatten(1).sum(1) for shares in (one, other, joint)]
    freedom = ((one > 0).sum(1) - 1) * ((other > 0).sum(1) - 1)
    found: Tensor = entropies[0] + entropies[1] - entropies[2] - freedom / (2 * count)
    return found.clamp(min=0)
