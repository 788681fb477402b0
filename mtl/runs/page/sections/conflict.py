"""Where the tasks' gradients agree and where they oppose each other."""

import re
from collections.abc import Sequence
from itertools import permutations

from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import measured
from mtl.runs.page.parts import (
    HeatCell,
    HeatMap,
    OneOf,
    PagePart,
    PageSection,
    Sentences,
    SideBySide,
)

NAME = re.compile(r"conflict/(?:(?P<place>.+)/)?cosine/(?P<pair>.+)")
EVERYWHERE = "all shared parameters"


def conflict(data: PageData) -> PageSection:
    """For each row the mean cosines between the tasks' gradients, at each place."""
    panels: list[tuple[str, PagePart]] = []
    for row in data.rows:
        maps: list[PagePart] = [
            _map(row.label, place, tasks, cosines)
            for place, (tasks, cosines) in _cosines(row).items()
        ]
        if maps:
            panels.append((row.label, SideBySide(maps)))
    title = "Task conflict"
    if not panels:
        none = "mtl train callbacks.conflict.enabled=true looks at it while training."
        return PageSection("conflict", title, missing=none)
    reading = (
        "The cosine between the gradients of two tasks, on average over the training: at +1 they "
        "pull the shared parameters the same way, below 0 (red) one undoes what the other does."
    )
    return PageSection("conflict", title, [Sentences([reading]), OneOf("Runs", panels)])


def _cosines(row: PageRow) -> dict[str, tuple[list[str], dict[tuple[str, str], float]]]:
    """By place: the tasks, and the mean over steps and seeds of each pair."""
    tasks = list(dict.fromkeys(task for e in row.evidence for task in e.run.tasks))
    pairs = {f"{a}-{b}": (a, b) for a, b in permutations(tasks, 2)}
    sums: dict[str, dict[tuple[str, str], list[float]]] = {}
    for evidence in row.evidence:
        for name, logged in evidence.scalars.items():
            match = NAME.fullmatch(name)
            pair = pairs.get(match["pair"]) if match else None
            if match and pair:
                place = match["place"] or EVERYWHERE
                mean = sum(logged.values) / len(logged.values)
                sums.setdefault(place, {}).setdefault(pair, []).append(mean)
    return {
        place: (tasks, {pair: sum(means) / len(means) for pair, means in found.items()})
        for place, found in sorted(sums.items(), key=lambda item: item[0] != EVERYWHERE)
    }


def _map(
    label: str, place: str, tasks: Sequence[str], cosines: dict[tuple[str, str], float]
) -> HeatMap:
    rows = []
    for a in tasks:
        cells = []
        for b in tasks:
            value = 1.0 if a == b else cosines.get((a, b), cosines.get((b, a)))
            cells.append(
                HeatCell("", 0.0)
                if value is None
                else HeatCell(measured(value, sign=True), min(abs(value), 1.0), value < 0)
            )
        rows.append((a, cells))
    return HeatMap(f"{label}, {place}", "task", list(tasks), rows)
