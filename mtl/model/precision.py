"""How exactly numbers are added up where digits count."""

import torch


def wide(device: torch.device) -> torch.dtype:
    """float64, or float32 on Apple's GPUs, which have no wider numbers."""
    return torch.float32 if device.type == "mps" else torch.float64
