"""The commands that try a grouping."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl.config.load import load
from mtl.config.overrides import key_of
from mtl.errors import UserError

COMMAND = re.compile(r"\[mtl\.cli\.job\]\[INFO\] mtl train ?(.*)$", re.MULTILINE)
NEXT_KEY = re.compile(r" (?=[+~]{0,2}[A-Za-z_][\w@./-]*=)")


def overrides_of(run: Path) -> list[str] | None:
    """What the run was started with, from its log; None where that is lost.

    The log may be a stranger's: settings of Hydra's own, which can import modules, and what looks
    things up are left out.
    """
    log = run / "app.log"
    found = COMMAND.findall(log.read_text()) if log.is_file() else []
    if not found:
        return None
    parts = [part for part in NEXT_KEY.split(found[-1].strip()) if part]
    return [p for p in parts if "${" not in p and not p.lstrip("+~").startswith("hydra")]


def command(tasks: Sequence[str], overrides: Sequence[str], config_dir: Path | None = None) -> str:
    """``mtl train`` with other tasks, and what else the run was started with.

    A setting that only goes with a task that is not among them is left out.

    Args:
        tasks: of the group.
        overrides: of the run.
        config_dir: a user's folder of further members.
    """
    chosen = f"tasks=[{','.join(tasks)}]"
    kept = [o for o in overrides if key_of(o) != "tasks"]
    if len(tasks) == 1:
        kept = [o for o in kept if not key_of(o).startswith("callbacks.conflict.")]
    if not _goes([chosen, *kept], config_dir):
        culprits = [o for o in kept if _goes([chosen, *(k for k in kept if k != o)], config_dir)]
        kept = [o for o in kept if o not in culprits]
    flag = [] if config_dir is None else ["--config-dir", str(config_dir)]
    return shlex.join(["mtl", "train", *flag, chosen, *kept])


def _goes(overrides: Sequence[str], config_dir: Path | None) -> bool:
    try:
        load(overrides, config_dir, needs_data=False)
    except UserError:
        return False
    return True
