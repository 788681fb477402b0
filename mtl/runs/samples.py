"""What a run kept of each sample of a split, to be counted again; nothing here imports torch."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np
import numpy.typing as npt

from mtl.config.nearest import listing
from mtl.data.array_file import why_no_array
from mtl.errors import BadFile, UserError
from mtl.model.samples.ids import unpacked
from mtl.runs.recount.base import Recount
from mtl.runs.recount.classes import ClassRecount
from mtl.runs.recount.content import SampleContent
from mtl.runs.recount.detected import DetectionRecount
from mtl.runs.recount.numbers import NumberRecount
from mtl.runs.recount.overlap import OverlapRecount
from mtl.runs.recount.pixel_means import PixelMeanRecount
from mtl.runs.recount.ranked import ScoreRecount
from mtl.runs.recount.values import ValueRecount

FOLDER = "samples"
KINDS: dict[str, type[Recount]] = {
    "values": ValueRecount,
    "classes": ClassRecount,
    "scores": ScoreRecount,
    "numbers": NumberRecount,
    "overlaps": OverlapRecount,
    "detections": DetectionRecount,
    "pixel_means": PixelMeanRecount,
}
"""How a task's columns are counted."""


class KeptSamples:
    """The kept samples of a run, task by task.

    A task is absent whose head keeps none (in similarity pairs are what counts), or whose main
    metric can't be had from what it keeps.

    Args:
        recounts: task to what its columns add up to.
        ids: task to its n samples, in the order of the rows.
        classes: task to the names of its classes; absent where the file is older than those.
    """

    def __init__(
        self,
        recounts: Mapping[str, Recount],
        ids: Mapping[str, tuple[str, ...]],
        classes: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._recounts = dict(recounts)
        self._ids = dict(ids)
        self._classes = dict(classes)

    @classmethod
    def load(cls, folder: Path, split: str = "test") -> "KeptSamples | None":
        """Read a run's file.

        Args:
            folder: of the run.
            split: ``test`` or ``val``.

        Returns:
            None where the run kept none of this split.

        Raises:
            BadFile: the file can't be read.
        """
        path = folder / FOLDER / f"{split}.npz"
        if not path.exists():
            return None
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return cls.of({name: file[name] for name in file.files})
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, ZlibError) as error:
            said = f"holds no kept samples ({why_no_array(error)})"
            raise BadFile(
                path, f"{said}; mtl eval run={folder} samples=true writes them anew"
            ) from error

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> "KeptSamples":
        """What the file's arrays mean.

        Args:
            arrays: ``<task>/ids``, ``<task>/kind``, ``<task>/metric``, ``<task>/classes``, and the
                task's columns.

        Raises:
            KeyError: something is missing.
            ValueError: something doesn't fit.
        """
        tasks: dict[str, dict[str, npt.NDArray[np.generic]]] = {}
        for name, array in arrays.items():
            task, _, column = name.rpartition("/")
            tasks.setdefault(task, {})[column] = array
        ids = {task: unpacked(columns["ids"]) for task, columns in tasks.items()}
        names = {t: unpacked(own["classes"]) for t, own in tasks.items() if "classes" in own}
        recounts = {}
        for task, columns in tasks.items():
            counted, metric = KINDS[str(columns["kind"])], str(columns["metric"])
            if counted.metrics is None or metric in counted.metrics:
                recounts[task] = counted(columns, metric, len(ids[task]))
        return cls(recounts, ids, names)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those that were kept."""
        return tuple(self._recounts)

    def metric(self, task: str) -> str:
        """The name of the metric that ``score`` gives: the task's main one."""
        return self._of(task).metric

    def ids(self, task: str) -> tuple[str, ...]:
        """The task's n samples; row numbers below count them."""
        self._of(task)
        return self._ids[task]

    def score(self, task: str, rows: npt.ArrayLike | None = None) -> float:
        """The task's main metric over some of its samples; NaN where nothing can be measured.

        Args:
            task: one of ``tasks``.
            rows: numbers of the samples, repeats allowed; None for all.
        """
        found = self._of(task)
        if rows is None:
            return found.score(np.ones(found.samples))
        chosen = np.asarray(rows, np.int64)
        return found.score(np.bincount(chosen, minlength=found.samples).astype(np.float64))

    def right(self, task: str) -> npt.NDArray[np.bool_] | None:
        """(n,) whether each sample was decided rightly; None where that is no yes or no."""
        return self._of(task).right()

    def quality(self, task: str) -> npt.NDArray[np.float64]:
        """(n,) how well each sample was decided: 1 is best, 0 is worst."""
        return self._of(task).quality()

    def contents(self, task: str, row: int) -> tuple[SampleContent, SampleContent] | None:
        """What was decided on a sample, and what is true of it; None where neither was kept."""
        return self._of(task).contents(row)

    def class_name(self, task: str, index: int) -> str:
        """``circle``, or ``class 3`` where the names weren't kept."""
        names = self._classes.get(task, ())
        return names[index] if 0 <= index < len(names) else f"class {index}"

    def _of(self, task: str) -> Recount:
        if task not in self._recounts:
            raise UserError(
                f"no samples were kept of the task {task}; "
                f"there are those of: {listing(self._recounts)}"
            )
        return self._recounts[task]
