"""``trainer.total_batch``: how many samples a step has, however many batches make it."""

from collections.abc import Mapping
from typing import Any

from mtl.errors import UserError

AUTO = "auto"
"""As ``batch_size``: as many samples as fit."""


def check_total_batch(values: Mapping[str, Any]) -> None:
    """See that whole batches make a step, as far as the number of processes is known.

    Args:
        values: the whole configuration; an older one may say nothing of it.

    Raises:
        UserError: they don't, or ``accumulate_grad_batches`` says how many it takes, too, or a run
            and its baselines would have steps of different sizes.
    """
    trainer, size = values["trainer"], values["batch_size"]
    total, batches = trainer.get("total_batch"), trainer["accumulate_grad_batches"]
    if total is None:
        if size == AUTO and values.get("baselines"):
            raise UserError(
                "baselines=true: with batch_size=auto each training would have steps of another "
                "size; write trainer.total_batch=N, too"
            )
        return
    if batches != 1:
        raise UserError(
            f"trainer.total_batch={total} says how many batches make a step; leave out "
            f"trainer.accumulate_grad_batches={batches}"
        )
    devices = trainer["devices"]
    known = isinstance(devices, int) and devices > 0
    processes = devices * trainer["num_nodes"] if known else 1
    if size == AUTO:
        per_process(total, processes)
    else:
        batches_per_step(total, size, processes)


def batches_per_step(total: int, batch_size: int, processes: int) -> int:
    """How many batches each process accumulates for a step.

    Args:
        total: samples per step, of all processes.
        batch_size: samples per batch and process.
        processes: how many take part.

    Raises:
        UserError: no whole number of batches makes the step; names the nearest that is made so.
    """
    each = f" in each of {processes} processes" if processes > 1 else ""
    return _divided(total, batch_size * processes, f"batches of {batch_size}{each} don't make it")


def per_process(total: int, processes: int) -> int:
    """How many samples of a step are each process's.

    Args:
        total: samples per step, of all processes.
        processes: how many take part.

    Raises:
        UserError: they can't have equally many; names the nearest with which they can.
    """
    return _divided(total, processes, f"{processes} processes can't share it out")


def _divided(total: int, by: int, wrong: str) -> int:
    if total % by == 0:
        return total // by
    nearest = max(1, (2 * total + by) // (2 * by)) * by
    raise UserError(
        f"trainer.total_batch={total}: {wrong}; the nearest that fits is "
        f"trainer.total_batch={nearest}"
    )
