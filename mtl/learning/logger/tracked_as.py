"""Under which number a tracker knows a run, so that a resumed one goes on there."""

from pathlib import Path

from mtl.files import read_json, write_json

FILE = "trackers.json"


def tracked_as(folder: Path, tracker: str) -> str | None:
    """The number, or None where the tracker doesn't know the run yet.

    Args:
        folder: of the run.
        tracker: its name.
    """
    found: str | None = read_json(folder / FILE).get(tracker)
    return found


def keep(folder: Path, tracker: str, number: str) -> None:
    """Remember the number.

    Args:
        folder: of the run.
        tracker: its name.
        number: as the tracker gave it.
    """
    write_json(folder / FILE, {**read_json(folder / FILE), tracker: number})
