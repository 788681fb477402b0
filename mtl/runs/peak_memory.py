"""The most memory that a run took."""

import sys

import torch


def peak_memory_mb(device: torch.device) -> float | None:
    """Of the GPU where it ran on one, else of the process, in MiB.

    Jobs of a sweep that share a process share its peak.

    Args:
        device: where the network lies.

    Returns:
        None where the system doesn't tell.
    """
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
