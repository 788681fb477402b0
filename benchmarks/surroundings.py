"""What a number depends on besides the code."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "albumentations", "opencv-python-headless")


def surroundings(threads: int | None = None) -> dict[str, Any]:
    """Threads, cores and versions.

    Args:
        threads: that the measurement ran on, where not torch's number.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "threads": threads or torch.get_num_threads(),
        "cores": cores,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }
