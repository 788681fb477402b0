"""A run that needs more memory than there is."""

import re

import torch
from omegaconf import DictConfig

from mtl.errors import RunError
from mtl.runs.faults.chain import chain

_WORDS = ("out of memory", "can't allocate memory", "not enough memory")
"""Torch has a class of its own for a GPU's memory; for the processor's it says so in words."""
_ASKED = re.compile(r"tried to allocate ([\d.]+) ?(bytes|[KMG]iB)", re.IGNORECASE)
_THERE = re.compile(r"total capacity of ([\d.]+ \w+) of which ([\d.]+ \w+) is free")


def out_of_memory(error: BaseException, cfg: DictConfig) -> RunError | None:
    """One line with the numbers and what to change; None for any other error.

    Args:
        error: that ended a run.
        cfg: the run's configuration.
    """
    for seen in chain(error):
        by_class = isinstance(seen, torch.OutOfMemoryError | MemoryError)
        in_words = isinstance(seen, RuntimeError) and any(w in str(seen) for w in _WORDS)
        if by_class or in_words:
            return RunError(f"out of memory{_numbers(str(seen))}: {_remedy(cfg)}")
    return None


def _numbers(text: str) -> str:
    """``, 2.50 GiB more were asked for and 1.10 GiB of 79.11 GiB were free``."""
    asked, there = _ASKED.search(text), _THERE.search(text)
    if asked is None:
        return ""
    amount, unit = asked.groups()
    size = f"{int(amount) / 2**30:.2f} GiB" if unit.lower() == "bytes" else f"{amount} {unit}"
    free = "" if there is None else f" and {there[2]} of {there[1]} were free"
    return f", {size} more were asked for{free}"


def _remedy(cfg: DictConfig) -> str:
    size, batches = int(cfg.batch_size), int(cfg.trainer.accumulate_grad_batches)
    now = f"with batch_size={size}, image_size={cfg.image_size}"
    smaller = "a smaller image_size or backbone needs less"
    if size == 1:
        return f"{now}; {smaller}"
    if cfg.trainer.get("total_batch") is not None:
        part = next(n for n in range(size // 2, 0, -1) if size % n == 0)
        return f"{now}; batch_size={part} makes the same steps in smaller parts; {smaller}, too"
    half = f"batch_size={size // 2} trainer.accumulate_grad_batches={2 * batches}"
    same = "as large" if size % 2 == 0 else "almost as large"
    return (
        f"{now}; {half} makes steps {same} in smaller parts, a smaller image_size needs less, too"
    )
