"""Shell completion: Hydra's own, told about our commands."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.bash_completion import BashCompletion
from hydra.core.global_hydra import GlobalHydra

from mtl.cli.calibrate import KEYS as CALIBRATE_KEYS
from mtl.cli.channels import KEYS as CHANNELS_KEYS
from mtl.cli.compare import KEYS as COMPARE_KEYS
from mtl.cli.compress import KEYS as COMPRESS_KEYS
from mtl.cli.export import KEYS as EXPORT_KEYS
from mtl.cli.main import COMMANDS
from mtl.cli.predict import KEYS as PREDICT_KEYS
from mtl.cli.report import KEYS as REPORT_KEYS
from mtl.config.compose import CONFIG_NAME, initialised, search_path
from mtl.config.groups import groups, members
from mtl.config.member_files import ALLOWED
from mtl.config.paths import SWEEP_FILE
from mtl.errors import UserError

EVALUATED = {
    "eval": ("test", "val"),
    "calibrate": ("val", "test"),
    "inspect": ("train", "val", "test"),
}
"""Splits that a command takes."""
OWN = {
    "eval": ("run=",),
    "predict": tuple(f"{key}=" for key in PREDICT_KEYS),
    "compress": tuple(f"{key}=" for key in COMPRESS_KEYS),
    "calibrate": tuple(f"{key}=" for key in CALIBRATE_KEYS),
    "channels": tuple(f"{key}=" for key in CHANNELS_KEYS),
    "export": tuple(f"{key}=" for key in EXPORT_KEYS),
    "compare": tuple(f"{key}=" for key in COMPARE_KEYS),
    "report": tuple(f"{key}=" for key in REPORT_KEYS),
    "rerun": ("run=",),
    "status": ("sweep=",),
    "replay": ("run=",),
    "upgrade": ("run=",),
    "baselines": ("run=",),
    "split": ("overwrite=true",),
    "cache": ("data.cache_dir=", "clear=true"),
}
"""A command's own words, offered beside the configuration's, which ``ALONE`` do not take."""
ALONE = ("cache", "compare", "report", "status", "upgrade")
RUN_FOLDERS = "outputs/*/*/*/config.yaml"
SWEEPS = f"outputs/*/*/{SWEEP_FILE}"


class MtlCompletion(BashCompletion):
    """Hydra's completion under the name of our command."""

    @staticmethod
    def _get_exec() -> str:
        return "mtl"


def run(arguments: list[str]) -> int:
    """``mtl -sc install=bash``, ``uninstall=bash`` or ``query=bash``.

    Args:
        arguments: what follows ``-sc``.

    Returns:
        0.

    Raises:
        UserError: another request.
    """
    with initialised(None):
        plugin = MtlCompletion(GlobalHydra.instance().config_loader())
    match arguments:
        case ["install=bash"]:
            plugin.install()
        case ["uninstall=bash"]:
            plugin.uninstall()
        case ["query=bash"]:
            # A mistake in the half-written line is no reason to write into the user's terminal.
            with contextlib.suppress(Exception):
                print(" ".join(query(os.environ.get("COMP_LINE", ""), cursor())))
        case _:
            raise UserError("-sc takes install=bash, uninstall=bash or query=bash")
    return 0


def cursor() -> int | None:
    """Where the cursor is in the line."""
    point = os.environ.get("COMP_POINT", "")
    return int(point) if point.isdigit() else None


def query(line: str, point: int | None = None) -> list[str]:
    """What the last word of a line could become.

    Args:
        line: as typed, the program's name included.
        point: position of the cursor; what follows it is left alone.
    """
    words = line[:point].split()[1:]
    word = words.pop() if words and not line[:point].endswith(" ") else ""
    if not words:
        return [name for name in COMMANDS if name.startswith(word)]
    command, *before = words
    config_dir = folder_option(before)
    if word.startswith("run="):
        return [f for f in run_folders() if f.startswith(word)]
    if command == "ls" or command in ALONE:
        offered = groups(config_dir) if command == "ls" else OWN[command]
        if command in ("compare", "report") and word.startswith("runs="):
            offered = compared_folders()
        if command == "status" and word.startswith("sweep="):
            offered = [f"sweep={file.parent}" for file in sorted(Path().glob(SWEEPS))]
        return [name for name in offered if name.startswith(word)]
    if word.startswith("tasks="):
        return task_names(word, config_dir)
    splits = EVALUATED.get(command, ())
    if word.startswith("split="):
        return [f"split={split}" for split in splits if f"split={split}".startswith(word)]
    own = [name for name in OWN.get(command, ()) if name.startswith(word)]
    with initialised(config_dir):
        plugin = MtlCompletion(GlobalHydra.instance().config_loader())
        found = plugin._query(CONFIG_NAME, " ".join([*hydra_words(before, config_dir), word]))
    return own + [
        name
        for name in found
        if (word.startswith("hydra") or not name.startswith("hydra"))
        and not name.partition("=")[2].startswith("_")
        and ALLOWED not in name
    ]


def task_names(word: str, config_dir: Path | None) -> list[str]:
    """A list of tasks with one more, or one begun name ended: ``tasks=[box,`` and ``tasks=[b``."""
    done, _, begun = word.removeprefix("tasks=").removeprefix("[").rpartition(",")
    chosen = [name for name in done.split(",") if name]
    names = (n for n in members("head", config_dir) if n.startswith(begun) and n not in chosen)
    return [f"tasks=[{','.join([*chosen, name])}]" for name in names]


def hydra_words(words: Sequence[str], config_dir: Path | None) -> list[str]:
    """The words before the one to complete as Hydra's completion understands them."""
    multirun = ["-m"] if {"-m", "--multirun"} & set(words) else []
    return [
        *multirun,
        *search_path(config_dir),
        *(word for word in words if "=" in word and not word.startswith("-")),
    ]


def folder_option(words: Sequence[str]) -> Path | None:
    """The value of ``--config-dir`` among the words."""
    for i, word in enumerate(words):
        if word in ("--config-dir", "-cd") and i + 1 < len(words):
            return Path(words[i + 1])
        if word.startswith("--config-dir="):
            return Path(word.partition("=")[2])
    return None


def run_folders() -> list[str]:
    """The runs there are, as ``run=DIR``."""
    return sorted(f"run={file.parent}" for file in Path().glob(RUN_FOLDERS))


def compared_folders() -> list[str]:
    """The sweeps and runs there are, sweeps first, as ``runs=DIR``."""
    sweeps = sorted(f"runs={file.parent}" for file in Path().glob(SWEEPS))
    return sweeps + [folder.replace("run=", "runs=", 1) for folder in run_folders()]
