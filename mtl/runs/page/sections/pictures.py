"""What the runs say of the same images, side by side."""

from pathlib import Path

from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.gather.pictures import MOST_BYTES, embedded
from mtl.runs.page.parts import OneOf, PagePart, PageSection, Photo, Sentences, SideBySide

FIRST = "test.png"
MOST = 30
"""Pictures of a page."""
TITLE = "Predictions"


def pictures(data: PageData) -> PageSection:
    """The first test images, and each task's worst, with the predictions of one run of each row."""
    files = {"the first test images": FIRST}
    files |= {f"the worst on {task}": f"test_worst_{task}.png" for task in data.main}
    found = {
        what: [(row, path) for row in data.rows if (path := _of_row(row, name)) is not None]
        for what, name in files.items()
    }
    several = [(what, row, path) for what, rows in found.items() for row, path in rows][:MOST]
    panels: dict[str, list[PagePart]] = {}
    for what, row, path in several:
        picture = embedded(path, MOST_BYTES // len(several))
        if picture is not None:
            panels.setdefault(what, []).append(
                Photo(
                    row.label,
                    f"Test images ({what}) with what a run of {row.label} predicts.",
                    picture.address,
                    picture.width,
                    picture.height,
                )
            )
    if not panels:
        none = "the runs drew none: mtl train callbacks.figures.enabled=true does."
        return PageSection("pictures", TITLE, missing=none)
    reading = (
        "The same images as one run of each line sees them, that with the smallest seed. Each run "
        "has its own worst images."
    )
    parts = [(what, SideBySide(photos)) for what, photos in panels.items()]
    shown: PagePart = OneOf("Images", parts) if len(parts) > 1 else parts[0][1]
    return PageSection("pictures", TITLE, [Sentences([reading]), shown])


def _of_row(row: PageRow, name: str) -> Path | None:
    """The picture of the run with the smallest seed; a task's name is no way out of its folder."""
    for evidence in sorted(row.evidence, key=lambda evidence: evidence.run.seed):
        folder = evidence.run.path.resolve()
        path = folder / "figures" / name
        # Nor may a link lead out of the folder.
        if path.is_file() and path.resolve().parent == folder / "figures":
            return path
    return None
