"""Where and with what a run is made: versions, device, and the code's state under git.

torch is imported when the device is asked for.
"""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mtl import __version__
from mtl.files import write_json, write_whole

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "albumentations",
    "torchmetrics",
    "timm",
    "opencv-python-headless",
    "numpy",
)
FILE = "environment.json"
DIFF = "uncommitted.diff"
MOST = 1_000_000
"""Bytes of a diff that is kept."""


def environment() -> dict[str, Any]:
    """Versions, commit and device."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    return {
        "mtl": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device or platform.machine(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def write_environment(folder: Path) -> None:
    """``environment.json``, and ``uncommitted.diff`` where the code is not as it was committed.

    Args:
        folder: of the run.
    """
    changes = uncommitted()
    # A run that is resumed on clean code is none of that diff.
    (folder / DIFF).unlink(missing_ok=True)
    if changes.diff:
        write_whole(folder / DIFF, changes.diff)
    large = {"diff": f"larger than {MOST} bytes, not kept"} if changes.too_large else {}
    write_json(folder / FILE, environment() | {"dirty": changes.dirty} | large)


@dataclass(frozen=True)
class Changes:
    """What is not committed in the repository that the command was begun in.

    Args:
        dirty: whether there is anything; None where there is no repository or no git.
        diff: of all tracked files, in binary form, if it is not too large.
        too_large: whether it is.
    """

    dirty: bool | None
    diff: bytes | None = None
    too_large: bool = False


def uncommitted(most: int = MOST) -> Changes:
    """Ask git, which runs none of the programs that a repository may name for differences.

    Args:
        most: bytes of the diff that are read.
    """
    options = ["--no-ext-diff", "--no-textconv", "--no-color", "--binary"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        git = subprocess.Popen(
            ["git", "diff", *options, "HEAD"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=quiet,
        )
    except OSError:
        return Changes(None)
    with git:
        assert git.stdout is not None
        diff = git.stdout.read(most + 1)
        if len(diff) > most:
            git.kill()
            return Changes(dirty=True, too_large=True)
    return Changes(None) if git.returncode else Changes(bool(diff), diff)


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In what two environments differ, in words: ``torch 2.11.0, now 2.15.0``.

    Args:
        before: of the earlier run, perhaps a stranger's or an older version's.
        now: as ``environment`` finds it.
    """
    packages = before.get("packages")
    left = {**before, **(packages if isinstance(packages, Mapping) else {})}
    right = {**now, **now["packages"]}
    asked = [key for key in right if key not in ("packages", "dirty")]
    return [
        f"{key} {_shown(left.get(key))}, now {_shown(right[key])}"
        for key in asked
        if left.get(key) != right[key]
    ]


def _shown(value: object) -> str:
    """What may come from a stranger's file, short and without control characters."""
    text = "unknown" if value is None else str(value)[:80]
    return "".join(c if c.isprintable() else "?" for c in text)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the repository that the command was begun in; None without one or git."""
    try:
        git = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return git.stdout.strip() or None
