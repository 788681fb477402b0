"""Commands to type next."""

import shlex
from collections.abc import Sequence
from pathlib import Path


def train_command(overrides: Sequence[str], config_dir: Path | None) -> str:
    """``mtl train`` with these overrides, as it is to be typed into a shell."""
    flag = [] if config_dir is None else ["--config-dir", str(config_dir)]
    return shlex.join(["mtl", "train", *flag, *overrides])
