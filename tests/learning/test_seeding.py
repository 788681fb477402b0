"""The seed of a step."""

import traceback
from unittest.mock import patch

import torch

from mtl.learning.seeding import seed_step


def test_random_numbers_are_those_of_manual_seed() -> None:
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.rand(3)
    seed_step(7, torch.device("cpu"))
    assert torch.equal(torch.rand(4), expected)


def test_no_call_stack_is_written_down() -> None:
    """For devices that nobody uses; it would take longer than many a layer."""
    with patch.object(traceback, "format_stack") as written:
        seed_step(7, torch.device("cpu"))
    written.assert_not_called()
