"""Which rows have lines in the charts before anything is switched."""

from itertools import chain, zip_longest

from mtl.runs.page.data import PageData

FEW = 4
"""Lines that can be told apart with a band around each."""


def lines_at_first(data: PageData) -> set[int]:
    """Places of all rows, or of many rows the reference and the best of each task."""
    ranked = [_best_first(data, name) for name in data.main_names]
    everything = [row.place for row in data.rows]
    places = chain(data.comparison.references, *zip_longest(*ranked), everything)
    return set([*dict.fromkeys(place for place in places if place is not None)][:FEW])


def _best_first(data: PageData, name: str) -> list[int]:
    metric = next((metric for metric in data.metrics if metric.name == name), None)
    if metric is None:
        return []
    sign = 1 if metric.larger else -1
    having = [row for row in data.rows if name in row.cells]
    return [row.place for row in sorted(having, key=lambda row: -sign * row.cells[name].mean)]
