"""Training baselines, once for all who need them, and runs beside them.

torch is imported when something is trained.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.paths import BASELINES
from mtl.errors import Interrupted, InUse, RunError, UserError
from mtl.runs.baselines.single import Baseline, baselines_of, folders_of
from mtl.runs.baselines.words import gain_lines
from mtl.runs.stopping import stopped_by_signals
from mtl.terminal import say

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
    from mtl.runs.train import train

    if not cfg.get("baselines"):
        return train(cfg, folder)
    baselines = baselines_of(cfg, root)
    if not baselines:
        say(f"a run of one task, {cfg.tasks[0]}, is its own baseline")
        return train(cfg, folder)
    from mtl.runs.folder import RunFolder

    run = RunFolder(folder, writes=False)
    run.compare(cfg)
    finished = run.finished
    try:
        train_baselines(baselines)
    except KeyboardInterrupt as stop:
        # The run goes on in its own folder, however far its baselines are.
        raise Interrupted(folder.absolute(), resumable=True) from stop
    metrics = train(cfg, folder, folders_of(baselines))
    if not finished:
        return metrics
    from mtl.runs.baselines.adding import add_gain

    found = add_gain(cfg, folder, folders_of(baselines))
    for line in gain_lines(found.entry):
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
    from mtl.runs.train import train

    if baseline.finished:
        say(f"{title}: trained before")
        return
    if not quietly:
        say(f"{title} ({baseline.folder.name})")
    train(baseline.cfg, baseline.folder)
