"""Training baselines, once for all who need them, and runs beside them.

torch is imported when something is trained.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.paths import BASELINES
from mtl.errors import Interrupted, InUse, RunError, UserError
from mtl.files import read_json
from mtl.processes import is_first_process
from mtl.runs.baselines.single import Baseline, baselines_of, folders_of
from mtl.runs.baselines.words import caveat_lines, gain_lines
from mtl.runs.folder import RunFolder
from mtl.runs.stopping import stopped_by_signals
from mtl.terminal import loading, say

POLL = 2.0
"""Seconds from one look at what another process trains to the next."""


def train_baselines(baselines: Sequence[Baseline]) -> None:
    """Train those that are not finished; go on with those that were interrupted.

    What another process trains at the moment is left for later and then waited for, so that the
    jobs of a sweep share the work. One that fails is said, and the others go on.

    Args:
        baselines: no folder twice.

    Raises:
        Interrupted: it was ended from outside.
    """
    waiting = {f"baseline {n} of {len(baselines)}: {b}": b for n, b in enumerate(baselines, 1)}
    said: set[str] = set()
    with stopped_by_signals():
        while waiting:
            for title, baseline in list(waiting.items()):
                if _is_done(title, baseline, said):
                    del waiting[title]
            if waiting:
                time.sleep(POLL)


def train_run(cfg: DictConfig, folder: Path, root: Path = BASELINES) -> dict[str, float]:
    """Train a run; with ``baselines=true`` its baselines first, so that its results hold the gain.

    Args:
        cfg: of the run, finalised and checked.
        folder: of the run.
        root: where baselines lie.

    Returns:
        The metrics of results.json.

    Raises:
        UserError: the folder belongs to other settings, or the input is at fault.
        RunError: training can't go on.
        Interrupted: it was ended from outside.
    """
    run = RunFolder(folder.absolute(), writes=is_first_process())
    run.check(cfg)
    finished = run.finished
    if not cfg.get("baselines"):
        there = run.as_it_is(cfg)
        return there if there is not None else _train(cfg, folder)
    baselines = baselines_of(cfg, root)
    if not baselines:
        say(f"a run of one task, {cfg.tasks[0]}, is its own baseline")
        return _train(cfg, folder)
    try:
        train_baselines(baselines)
    except KeyboardInterrupt as stop:
        # The run goes on in its own folder, however far its baselines are.
        raise Interrupted(folder.absolute(), resumable=True) from stop
    metrics = _train(cfg, folder, folders_of(baselines))
    if not finished:
        return metrics
    from mtl.runs.baselines.adding import add_gain

    found = add_gain(cfg, folder, folders_of(baselines))
    for line in [*gain_lines(found.entry), *caveat_lines(read_json(folder / "results.json"))]:
        say(line)
    return {**metrics, **found.metrics}


def _is_done(title: str, baseline: Baseline, said: set[str]) -> bool:
    """Train one, unless another process does, which is said once."""
    try:
        _train_one(title, baseline, quietly=title in said)
    except InUse:
        if title not in said:
            say(f"{title}: another process is training it")
        said.add(title)
        return False
    except (UserError, RunError) as error:
        say(f"{title}: failed: {error}")
    return True


def _train_one(title: str, baseline: Baseline, quietly: bool) -> None:
    if baseline.finished:
        say(f"{title}: trained before")
        return
    if not quietly:
        say(f"{title} ({baseline.folder.name})")
    _train(baseline.cfg, baseline.folder)


def _train(
    cfg: DictConfig, folder: Path, baselines: Mapping[str, Path] | None = None
) -> dict[str, float]:
    with loading():
        if sys.modules.get("mtl.runs.train") is None:
            # What is seen at a glance needn't wait for what takes long to import.
            _look(cfg, folder)
        from mtl.runs.train import train

    return train(cfg, folder) if baselines is None else train(cfg, folder, baselines)


def _look(cfg: DictConfig, folder: Path) -> None:
    from mtl.data.data_set import build_data_set

    try:
        build_data_set(cfg).look()
    except UserError:
        RunFolder(folder.absolute(), writes=is_first_process()).discard()
        raise
