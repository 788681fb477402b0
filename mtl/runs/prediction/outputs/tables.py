"""``formats=[csv]``: a table for each task."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from mtl.files import whole_text
from mtl.runs.prediction.journal import JsonLine, Journal
from mtl.runs.prediction.outputs.base import Output

BOX = ("x", "y", "width", "height")
BOX_KEYS = ("bbox", "box")
"""Keys of records under which four numbers are a box."""


class Tables(Output):
    """``<task>.csv``: a row for each picture, or for each object where a picture has several."""

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """Twice through the entries: columns first, since entries need not have the same."""
        for task in self.tasks:
            columns: dict[str, None] = {}
            for row in _rows(journal, task):
                columns |= dict.fromkeys(row)
            with whole_text(self.folder / f"{task}.csv") as file:
                writer = csv.DictWriter(file, list(columns), lineterminator="\n")
                writer.writeheader()
                writer.writerows(_rows(journal, task))
        return [f"{task}.csv" for task in self.tasks]


def _rows(journal: Journal, task: str) -> Iterator[dict[str, Any]]:
    for entry in journal.entries():
        if task in entry:
            place = {key: entry[key] for key in ("file", "frame", "seconds") if key in entry}
            for row in rows_of(entry[task]):
                yield place | row


def rows_of(record: JsonLine) -> list[dict[str, Any]]:
    """What a task said of one picture as rows of a table.

    Args:
        record: see ``Head.record``. A list of objects makes a row of each, together with all else
            that is said; without objects, and with nothing else to say, there is no row.
    """
    objects = [value for value in record.values() if _are_objects(value)]
    shared = _cells({key: value for key, value in record.items() if not _are_objects(value)})
    if not objects:
        return [shared] if shared else []
    return [shared | _cells(item) for items in objects for item in items]


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _cells(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values under dotted keys, boxes in four columns, names in one."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": cell for inner, cell in _cells(value).items()}
        elif not isinstance(value, list):
            found[key] = value
        elif key in BOX_KEYS and len(value) == len(BOX):
            found |= dict(zip(BOX, value, strict=True))
        elif value and all(isinstance(item, str) for item in value):
            found[key] = "; ".join(value)
        else:
            found |= {f"{key}_{number}": item for number, item in enumerate(value)}
    return found
