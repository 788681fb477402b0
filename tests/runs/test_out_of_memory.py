"""Too little memory is one line with the numbers and what to change."""

import pytest
import torch
from omegaconf import OmegaConf

from mtl.runs.faults.memory import out_of_memory

GPU = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.11 GiB of "
    "which 1.10 GiB is free. Including non-PyTorch memory, this process has 78.00 GiB in use."
)
CPU = (
    "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried "
    "to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)"
)


def said(error: BaseException, batch_size: int = 32) -> str:
    trainer = {"accumulate_grad_batches": 2}
    cfg = OmegaConf.create({"batch_size": batch_size, "image_size": 224, "trainer": trainer})
    return str(out_of_memory(error, cfg))


@pytest.mark.parametrize(
    ("error", "numbers"),
    [
        (
            torch.OutOfMemoryError(GPU),
            "out of memory, 2.50 GiB more were asked for and 1.10 GiB of 79.11 GiB were free: ",
        ),
        (RuntimeError(CPU), "out of memory, 4.00 GiB more were asked for: "),
        (MemoryError(), "out of memory: "),
    ],
)
def test_numbers_and_remedy(error: BaseException, numbers: str) -> None:
    assert said(error) == numbers + (
        "with batch_size=32, image_size=224; batch_size=16 trainer.accumulate_grad_batches=4 makes "
        "steps as large in smaller parts, a smaller image_size needs less, too"
    )


def test_what_it_led_to_is_the_same() -> None:
    error = ValueError("later")
    error.__cause__ = MemoryError()
    assert said(error, batch_size=1) == (
        "out of memory: with batch_size=1, image_size=224; a smaller image_size or backbone needs "
        "less"
    )


def test_another_error_is_none() -> None:
    assert said(RuntimeError("shapes")) == "None"
