"""Where the packaged configuration lies, and how a user's own modules are found."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SWEEP_FILE = "sweep.json"
"""In a sweep's folder: ``jobs``, their number; ``metrics`` of all their tasks, the main ones first;
``varies``, the keys in which they differ, with their values."""
LESSONS = "distillation.json"
"""In the folder of a student's training: who taught which task."""

NOT_FINITE = "not_finite"
"""In a run's folder, where a loss was not finite: ``batch.json`` says which samples it was of,
``weights.ckpt`` with what."""
BASELINES = Path("outputs") / "baselines"
"""Where single-task baselines lie, for all runs and sweeps of a working folder."""


def in_sweep(folder: Path) -> bool:
    """Whether a run is one of many that say little: a job of a sweep, or a baseline."""
    return (folder.parent / SWEEP_FILE).exists() or is_baseline(folder)


def is_baseline(folder: Path) -> bool:
    """Whether a run is the single-task baseline of others."""
    return folder.parent.name == BASELINES.name


def conf_dir() -> Path:
    """``mtl/conf`` of an installed package, else the checkout's ``conf`` beside the package."""
    installed = PACKAGE / "conf"
    return installed if installed.is_dir() else PACKAGE.parent / "conf"


def allow_user_modules() -> None:
    """Make modules in the current directory importable, for a user's own ``_target_``.

    Last in the search order, so that nothing there hides an installed package.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
