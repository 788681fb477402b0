"""What an image costs, worked out by hand."""

import mmap

import pytest
import torch
from torch import nn

from mtl.model.multiply_adds import multiply_adds
from mtl.runs.peak_memory import PROCESS, peak_memory_mb, reset_peak_memory


def test_a_convolution_by_hand() -> None:
    """16 x 16 places of 3 x 3 x 3 x 5, then 4 x 4 of 5 x 2."""
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=2, padding=1),
        nn.BatchNorm2d(5),
        nn.AvgPool2d(4),
        nn.Conv2d(5, 2, 1),
    )
    network.image_channels = 3  # type: ignore[assignment]
    network[1].eval()
    before = network[1].running_mean.clone()
    assert multiply_adds(network, 32) == 16 * 16 * 27 * 5 + 4 * 4 * 5 * 2  # type: ignore[arg-type]
    assert torch.equal(network[1].running_mean, before)
    assert [module.training for module in network] == [True, False, True, True]


def test_what_cannot_be_counted_is_absent_and_said(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(nn.Module):
        image_channels = 3

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, image: torch.Tensor) -> None:
            raise RuntimeError("not like this")

    caplog.set_level("INFO")
    assert multiply_adds(Odd(), 8) is None  # type: ignore[arg-type]
    assert caplog.messages == ["multiply_adds is not counted: RuntimeError: not like this"]


def test_peak_memory_is_that_of_the_process() -> None:
    """Python with torch takes more than 50 MiB and less than the machine has."""
    peak = peak_memory_mb(torch.device("cpu"))
    assert peak is not None
    assert 50 < peak < 1e6


@pytest.mark.skipif(not (PROCESS / "clear_refs").exists(), reason="only Linux counts anew")
def test_peaks_of_two_runs_in_one_process_are_their_own() -> None:
    reset_peak_memory()
    # Not a tensor, which may get, and leave behind, what earlier ones have freed in the process.
    with mmap.mmap(-1, 200 * 2**20) as large:
        large.write(b"1" * len(large))
        with_it = peak_memory_mb(torch.device("cpu"))
    reset_peak_memory()
    without = peak_memory_mb(torch.device("cpu"))
    assert with_it is not None
    assert without is not None
    assert without < with_it - 150
