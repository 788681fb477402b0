"""How much memory a step may take."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from mtl.errors import UserError
from mtl.runs.peak_memory import PROCESS, peak_memory_mb, reset_peak_memory

OF_GPU = 0.9
"""Share of a GPU's free memory; the rest is for batches with more objects, and for evaluation."""
OF_MACHINE = 0.5
"""Share of the machine's free memory, which all processes have together."""
GROUPS = Path("/sys/fs/cgroup")


def budget(device: torch.device, processes: int) -> int:
    """Bytes that ``peak`` may come to.

    Args:
        device: that trains.
        processes: of the run that share this machine's memory.

    Raises:
        UserError: this device or system doesn't tell.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(OF_GPU * (free + torch.cuda.memory_reserved(device)))
    free_here = _free() if device.type == "cpu" else None
    held = _number(PROCESS / "status", "VmRSS:")
    if free_here is None or held is None:
        raise UserError("batch_size=auto: memory can't be measured here; write batch_size=N")
    return held + int(OF_MACHINE * free_here / processes)


def begin(device: torch.device) -> None:
    """Measure from here on."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    reset_peak_memory()


def peak(device: torch.device) -> int:
    """Bytes at the peak since ``begin``: that torch holds of a GPU, or that the process has.

    Args:
        device: that trains.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return int((peak_memory_mb(device) or 0.0) * 2**20)


def _free() -> int | None:
    """Of the machine, or of the container or job that this process is in."""
    there = _number(Path("/proc/meminfo"), "MemAvailable:")
    return None if there is None else min([there, *_left_in_groups()])


def _left_in_groups() -> Iterator[int]:
    """What each control group around this process has left, where it has a limit (version 2)."""
    with suppress(OSError, ValueError):
        place = (PROCESS / "cgroup").read_text().splitlines()[-1].rpartition(":")[2].lstrip("/")
        inner = GROUPS / place
        for group in (inner, *inner.parents):
            if group.is_relative_to(GROUPS) and (group / "memory.max").exists():
                limit = (group / "memory.max").read_text().strip()
                if limit != "max":
                    yield int(limit) - int((group / "memory.current").read_text())


def _number(file: Path, key: str) -> int | None:
    """Bytes behind a key in one of the system's files, which count in KiB."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 2**10
    return None
