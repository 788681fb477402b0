"""The test images on which the rows disagree most."""

from mtl.runs.page.data import PageData
from mtl.runs.page.gather.disagreements import Disagreement, largest, sample_qualities
from mtl.runs.page.parts import HeatCell, HeatMap, OneOf, PagePart, PageSection, Sentences
from mtl.words import agreeing

MOST = 20
TITLE = "Largest disagreements"


def disagreements(data: PageData) -> PageSection:
    """For each task a table: an image in each line, how well each row does on it."""
    by_row = {
        row.place: sample_qualities([evidence.run.path for evidence in row.evidence])
        for row in data.rows
    }
    panels: list[tuple[str, PagePart]] = []
    for task in data.main:
        found = largest({p: tasks[task] for p, tasks in by_row.items() if task in tasks}, MOST)
        if found:
            panels.append((task, _table(data, task, found)))
    if not panels:
        none = (
            "Two kinds of runs or more are needed that kept what they decided on each test image: "
            "mtl train callbacks.samples.enabled=true."
        )
        return PageSection("disagreements", TITLE, [Sentences([none])])
    reading = (
        "Test images on which the runs differ most. 1 is wholly right, 0 (red) is wholly wrong; "
        "the mean over the seeds."
    )
    return PageSection("disagreements", TITLE, [Sentences([reading]), OneOf("Task", panels)])


def _table(data: PageData, task: str, found: list[Disagreement]) -> HeatMap:
    places = list(found[0].qualities)
    rows = []
    for item in found:
        values = [min(max(item.qualities[place], 0.0), 1.0) for place in places]
        rows.append((item.sample, [HeatCell(f"{v:.2f}", 1 - v, opposed=True) for v in values]))
    several = f"the {len(found)} largest disagreements"
    return HeatMap(
        f"{task}: {agreeing(len(found), 'the largest disagreement', several)}",
        "test image, then runs",
        [data.rows[place].label for place in places],
        rows,
    )
