"""The whole of ``mtl predict``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from mtl.config.nearest import listing
from mtl.data.loading.workers import opencv_alone, usable_cores
from mtl.data.tile import Tiling
from mtl.errors import UserError
from mtl.runs.prediction.ahead import ahead
from mtl.runs.prediction.decider import Decider
from mtl.runs.prediction.inputs.planned import in_batches, planned
from mtl.runs.prediction.inputs.shot import Preparation
from mtl.runs.prediction.out_folder import OutFolder
from mtl.runs.prediction.outputs.base import Output
from mtl.runs.prediction.outputs.registry import USUAL, make_outputs
from mtl.runs.prediction.progress import PredictingBar
from mtl.runs.prediction.unfinished import key_of, unfinished
from mtl.runs.prediction.work import Outcome, Work
from mtl.runs.prediction.written import Writer

MOST_PIXELS = 25_000_000
"""Of the images of a batch at full resolution, where they are drawn on: 75 MB."""
BATCHES_AHEAD = 1
"""That wait beside the one that is being read, the one on the network and the one being written."""
MOST_THREADS = 16


@dataclass(frozen=True)
class Wish:
    """How predictions are made and written.

    Args:
        formats: names of ``FORMATS``.
        tiling: how large pictures are cut; None for not at all.
        overwrite: whether earlier results go, whatever they were predicted with.
        settings: ``run``, ``checkpoint``, ``overrides``, ``network``, which identifies it, and
            ``calibration``, which may be absent.
    """

    formats: Sequence[str] = USUAL
    tiling: Tiling | None = None
    overwrite: bool = False
    settings: Mapping[str, Any] = field(default_factory=lambda: {"run": None, "network": None})


def predict(
    decider: Decider, paths: Sequence[Path], out: Path, wish: Wish, console: Console
) -> Outcome:
    """Decide on files and write what was found.

    Files that can't be read are skipped, with a message. Those that an earlier start has finished
    are not predicted again.

    Args:
        decider: what decides.
        paths: images and videos, at least one.
        out: a folder; it is made where it is missing.
        wish: formats and the rest.
        console: where messages go.

    Raises:
        UserError: none of the files can be read, results would lie among them, a task can't be told
            on tiles or in a format, ``out`` holds results of another network, or can't be written.
        KeyboardInterrupt: with a word on how to go on.
    """
    outputs = make_outputs(wish.formats, out, decider.tasks)
    check_tiling(decider, wish.tiling)
    tiles = None if wish.tiling is None else vars(wish.tiling)
    with closing(OutFolder(out, {**wish.settings, "tiles": tiles}, wish.overwrite)) as folder:
        paths = outside(list({key_of(path): path for path in paths}.values()), folder)
        left = unfinished(paths, folder.journal, drawn=any(output.drawn for output in outputs))
        outcome = Outcome(before=len(paths) - len(left))
        try:
            _work(decider, left, outputs, wish.tiling, folder, outcome, console)
            if folder.known:
                folder.open()
            if not outcome.pictures and not outcome.before:
                raise outcome.skipped[0] if len(paths) == 1 else nothing_read(outcome)
            about = {
                "run": wish.settings["run"],
                "tasks": described(decider),
                "calibration": wish.settings.get("calibration"),
            }
            outcome.there = [name for o in outputs for name in o.finish(folder.journal, about)]
        except OSError as error:
            # Files that can't be read are told of by now.
            reason = error.strerror or error
            raise UserError(
                f"out={out}: can't be written ({reason}); the same command then goes on"
            ) from error
    return outcome


def _work(
    decider: Decider,
    left: Sequence[Path],
    outputs: Sequence[Output],
    tiling: Tiling | None,
    folder: OutFolder,
    outcome: Outcome,
    console: Console,
) -> None:
    preparation = Preparation(decider, tiling, any(output.drawn for output in outputs))
    with (
        opencv_alone(),
        PredictingBar(console, left) as bar,
        ThreadPoolExecutor(min(MOST_THREADS, usable_cores())) as pool,
    ):
        writer = Writer(decider, outputs, folder.path, pool)
        alone = len(left) == 1 and not outcome.before
        work = Work(decider, writer, folder, bar, outcome, alone)
        items = planned(left, preparation, pool)
        try:
            batches = in_batches(items, decider.batch_size, MOST_PIXELS)
            with closing(ahead(batches, BATCHES_AHEAD)) as read:
                for batch in read:
                    work.on(batch)
            work.end()
        except KeyboardInterrupt:
            work.end()
            where = f"the same command goes on from {folder.journal.path}"
            raise KeyboardInterrupt(*[where] if folder.known else []) from None
        finally:
            for output in outputs:
                output.abandon()


def check_tiling(decider: Decider, tiling: Tiling | None) -> None:
    """See that what is decided on tiles can be put together, if there are tiles.

    Raises:
        UserError: names a task with which it can't.
    """
    for task, speaker in decider.tasks.items():
        if tiling is not None and not speaker.joins_tiles:
            able = [name for name, other in decider.tasks.items() if other.joins_tiles]
            raise UserError(
                f"tiles={tiling.side}: what {task} says of tiles can't be put together (that of "
                f"these tasks can: {listing(able)}); leave tiles= out"
            )


def outside(paths: Sequence[Path], folder: OutFolder) -> list[Path]:
    """The files that aren't results of an earlier start.

    Raises:
        UserError: the files lie where the results are to go.
    """
    home = folder.path.resolve()
    videos = {home / entry["name"] for entry in folder.journal.entries() if "frames" in entry}
    found = [path for path in paths if path.resolve().parent not in {home, *videos}]
    if len(found) < len(paths) and not (folder.known and found):
        raise UserError(f"out={folder.path}: holds the input images; choose a folder of its own")
    return found


def nothing_read(outcome: Outcome) -> UserError:
    """What to say where all files are broken."""
    number, first = len(outcome.skipped), outcome.skipped[0]
    return UserError(f"none of the {number} images can be read; the first: {first}")


def described(decider: Decider) -> dict[str, Any]:
    """What predictions.json says of the tasks."""
    return {task: speaker.target.plain for task, speaker in decider.tasks.items()}
