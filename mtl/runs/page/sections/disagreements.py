"""The test images on which the rows disagree most."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl.runs.page.case_pictures import CasePictures
from mtl.runs.page.cases import Case, CaseCell, CaseTable
from mtl.runs.page.data import PageData
from mtl.runs.page.gather.disagreements import (
    Disagreement,
    kept_samples,
    largest,
    sample_qualities,
)
from mtl.runs.page.gather.said import RowSaid
from mtl.runs.page.parts import OneOf, PagePart, PageSection, Sentences
from mtl.runs.samples import KeptSamples

MOST = 12
"""Images of a task."""
MOST_BYTES = 600_000
"""Of all pictures."""
TITLE = "Largest disagreements"
Kept = Mapping[int, Sequence[KeptSamples]]
"""What the runs of each row kept, by the row's place."""


def disagreements(data: PageData) -> PageSection:
    """For each task a line for each image: what is true, and what each row decided."""
    kept = {}
    for row in data.rows:
        by_seed = sorted(row.evidence, key=lambda evidence: evidence.run.seed)
        found = [kept_samples(evidence.run.path) for evidence in by_seed]
        kept[row.place] = [samples for samples in found if samples is not None]
    qualities = {
        task: {place: sample_qualities(runs, task) for place, runs in kept.items()}
        for task in data.main
    }
    cases = {
        task: largest({place: own for place, own in rows.items() if own}, MOST)
        for task, rows in qualities.items()
    }
    tasks = [task for task, found in cases.items() if found]
    if not tasks:
        none = (
            "two kinds of runs or more are needed that kept what they decided on each test image: "
            "mtl train callbacks.samples.enabled=true."
        )
        return PageSection("disagreements", TITLE, missing=none)
    pictures = CasePictures(data.rows, data.trust, MOST_BYTES // (MOST * len(tasks)))
    panels: list[tuple[str, PagePart]] = [
        (task, _table(task, cases[task], kept, pictures)) for task in tasks
    ]
    reading = [
        "Test images on which the runs differ most. 1 is wholly right, 0 (red) is wholly wrong; "
        "the mean over the seeds. 2/3: what two of three seeds decided."
    ]
    if pictures.boxes:
        reading[0] += (
            " On the pictures the dashed box is true, and each line's box has its colour: that of "
            "its smallest seed."
        )
    if pictures.missing:
        reading.append(f"Without pictures where they can't be read again: {pictures.missing}.")
    return PageSection("disagreements", TITLE, [Sentences(reading), OneOf("Task", panels)])


def _table(task: str, found: list[Disagreement], kept: Kept, pictures: CasePictures) -> CaseTable:
    places = list(found[0].qualities)
    names = short_names([item.sample for item in found])
    cases = []
    for item, name in zip(found, names, strict=True):
        said = {place: RowSaid(kept[place], task, item.sample) for place in places}
        truth = next((own.truth for own in said.values() if own.truth), "")
        cells = [
            CaseCell(said[place].words, min(max(item.qualities[place], 0.0), 1.0))
            for place in places
        ]
        cases.append(Case(name, truth, pictures.of(item.sample, said), cells))
    return CaseTable(f"{task}: where the runs differ most, the largest first", places, cases)


def short_names(samples: Sequence[str]) -> list[str]:
    """Files without the folder that holds all of them; other ids as they are."""
    if not all(map(os.path.isabs, samples)):
        return list(samples)
    common = os.path.commonpath([Path(sample).parent for sample in samples])
    return [str(Path(sample).relative_to(common)) for sample in samples]
