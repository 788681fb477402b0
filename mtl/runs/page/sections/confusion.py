"""What is taken for what."""

from collections.abc import Mapping

from mtl.runs.page.data import PageData
from mtl.runs.page.gather.averages import summed_confusions
from mtl.runs.page.gather.decisions import Confusions
from mtl.runs.page.labels import amount
from mtl.runs.page.parts import (
    HeatCell,
    HeatMap,
    OneOf,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    Sentences,
)
from mtl.runs.page.sections.curves import NONE, decisions_of, tasks_with_decisions
from mtl.words import counted

MOST_CLASSES = 16
"""Of a matrix that can be read; beyond, the commonest mistakes are listed."""
MOST_MISTAKES = 20
READINGS: Mapping[type, str] = {
    HeatMap: "Each line is a true class, and adds up to 100 %; each column is what was decided.",
    PageTable: (
        f"Of more than {MOST_CLASSES} classes the commonest mistakes are told, by their share of "
        "the true class's samples."
    ),
}


def confusion(data: PageData) -> PageSection:
    """For each task the matrix of each row, its seeds added up."""
    parts: list[OneOf] = []
    for number, task in enumerate(tasks_with_decisions(data)):
        panels: list[tuple[str, PagePart]] = []
        for row in data.rows:
            kept = [d.confusions for d in decisions_of(row, task) if d.confusions is not None]
            if kept:
                total = summed_confusions(kept)
                caption = f"{task}, {row.label}: all seeds together"
                small = len(total.classes) <= MOST_CLASSES
                name = f"mistakes-{number}-{row.place}"
                panels.append(
                    (row.label, _matrix(caption, total) if small else _list(name, caption, total))
                )
        if panels:
            parts.append(OneOf(f"{task}: runs", panels))
    title = "Confusion"
    if not parts:
        return PageSection("confusion", title, missing=NONE)
    shown = {type(part) for one_of in parts for _, part in one_of.panels}
    reading = [text for kind, text in READINGS.items() if kind in shown]
    return PageSection("confusion", title, [Sentences(reading), *parts])


def _matrix(caption: str, total: Confusions) -> HeatMap:
    rows = []
    for truth, counts in zip(total.classes, total.counts, strict=True):
        whole = sum(counts)
        shares = [count / whole if whole else 0.0 for count in counts]
        cells = [
            HeatCell(
                f"{share:.0%}", min(max(share, 0.0), 1.0), note=counted(round(count), "sample")
            )
            for share, count in zip(shares, counts, strict=True)
        ]
        rows.append((truth, cells))
    return HeatMap(caption, "true class, then decided class", total.classes, rows)


def _list(name: str, caption: str, total: Confusions) -> PageTable:
    mistakes = sorted(
        (
            (count / whole, count, truth, decided)
            for truth, counts in zip(total.classes, total.counts, strict=True)
            if (whole := sum(counts)) > 0
            for decided, count in zip(total.classes, counts, strict=True)
            if decided != truth and count > 0
        ),
        reverse=True,
    )
    header = [
        PageColumn("true class"),
        PageColumn("decided"),
        PageColumn("of the class", True),
        PageColumn("samples", True),
    ]
    rows = [
        [
            PageCell(truth),
            PageCell(decided),
            PageCell(f"{share:.0%}", share),
            PageCell(amount(count), count),
        ]
        for share, count, truth, decided in mistakes[:MOST_MISTAKES]
    ]
    told = f"the {len(rows)} commonest of {counted(len(mistakes), 'mistake')}"
    if len(rows) == len(mistakes):
        told = counted(len(rows), "mistake")
    of = f"{told} between {len(total.classes)} classes"
    return PageTable(name, f"{caption}; {of}", header, rows)
