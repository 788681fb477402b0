"""The measurement of weightings runs, and its loops by hand do what they are called."""

import pytest
import torch

from benchmarks.weighting import weighting_cost
from benchmarks.weighting_by_hand import mgda, pcgrad


def test_every_place_is_measured():
    small = ["image_size=32", "backbone=small_cnn", "backbone.width=4", "batch_size=4"]
    entries = weighting_cost(1, ["equal", "famo", "pcgrad", "moco"], small)
    assert list(entries) == [
        "weighting/equal",
        "weighting/famo",
        "weighting/pcgrad/parameters",
        "weighting/pcgrad/representation",
        "weighting/pcgrad/stage",
        "weighting/moco/parameters",
        "weighting/pcgrad/by_hand",
    ]
    assert entries["weighting/equal"].goal == 1.03
    memory = {name: entry.raw.get("memory_ratio") for name, entry in entries.items()}
    assert memory["weighting/equal"] == pytest.approx(1, abs=0.05)
    # One more copy of the shared parameters for each task.
    assert memory["weighting/moco/parameters"] > memory["weighting/pcgrad/parameters"]
    assert all(entry.ratio > 0 for entry in entries.values())


def test_loops_by_hand():
    rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    # (1, 0) less its part against (-1, 1) is (0.5, 0.5); (-1, 1) less that against (1, 0) (0, 1).
    assert pcgrad(rows).tolist() == pytest.approx([0.5, 1.5])
    # The nearest point to 0 of the line between them: 0.6 (1, 0) + 0.4 (-1, 1).
    assert mgda(rows).tolist() == pytest.approx([0.2, 0.4], abs=1e-5)
