"""What a second start has left to do."""

import os
from collections.abc import Sequence
from pathlib import Path

from mtl.files import printable
from mtl.runs.prediction.journal import Journal, JsonLine


def unfinished(paths: Sequence[Path], journal: Journal, drawn: bool) -> list[Path]:
    """The files that are to be predicted, in order; what the journal says of them is dropped.

    Finished are those with an entry that has not changed since. A video is finished by the entry
    after its last frame: one that was stopped half way begins anew. Files that could not be read
    are tried again.

    Args:
        paths: all that is asked for.
        journal: of earlier starts.
        drawn: whether pictures are wanted, so that entries without one don't count.
    """
    finished = {key_of(e["file"]): e.get("modified") for e in journal.entries() if _ends(e, drawn)}
    left = [path for path in paths if not _is_finished(path, finished)]
    again = {key_of(printable(str(path))) for path in left}

    def stays(entry: JsonLine) -> bool:
        key = key_of(entry["file"])
        return key not in again and ("frame" not in entry or key in finished)

    journal.keep(stays)
    return left


def key_of(file: str | Path) -> str:
    """The file itself, however it is written."""
    return os.path.abspath(file)  # noqa: PTH100 - links are files of their own


def modified(path: Path) -> float | None:
    """When a file was changed last, seconds since 1970; None where it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _ends(entry: JsonLine, drawn: bool) -> bool:
    return "skipped" not in entry and "frame" not in entry and ("picture" in entry or not drawn)


def _is_finished(path: Path, finished: dict[str, float | None]) -> bool:
    name = str(path)
    # Names that are not UTF-8 look alike in the journal.
    if printable(name) != name or key_of(path) not in finished:
        return False
    now = modified(path)
    return now is None or now == finished[key_of(path)]
