"""The measurement of weightings runs, and its loops by hand do what they are called."""

import pytest
import torch

from benchmarks.results import Entry
from benchmarks.weighting import many_tasks, measurements, medians
from benchmarks.weighting_by_hand import mgda, pcgrad

pytestmark = pytest.mark.slow

SMALL = ["image_size=32", "backbone=small_cnn", "backbone.width=8", "batch_size=4"]


def test_every_place_is_measured():
    there = measurements(1, SMALL)
    wanted = [
        "weighting/equal",
        "weighting/famo",
        "weighting/pcgrad/parameters",
        "weighting/pcgrad/parameters/every=10",
        "weighting/pcgrad/representation",
        "weighting/pcgrad/stage",
        "weighting/pcgrad/stage/every=10",
        "weighting/moco/parameters",
        "weighting/pcgrad/by_hand",
    ]
    names = ("equal", "famo", "pcgrad", "moco")
    assert {key for key in there if key.split("/")[1] in names} == set(wanted)
    measured = [wanted[i] for i in (0, 3, 4, 7, 8)]
    entries: dict[str, Entry] = {}
    for key in measured:
        entries |= there[key]()
    assert list(entries) == measured
    assert [entries[key].goal for key in measured] == [1.05, 1.2, 1.1, 4.0, 1.05]
    memory = {name: entry.raw.get("memory_ratio") for name, entry in entries.items()}
    assert memory["weighting/equal"] == pytest.approx(1, abs=0.1)
    # One more copy of the shared parameters for each task.
    assert memory["weighting/moco/parameters"] > memory["weighting/pcgrad/representation"]
    assert all(entry.ratio > 0 for entry in entries.values())


def test_many_tasks_are_measured():
    there = many_tasks(1, SMALL)
    assert len(there) == 8
    key = "weighting/3_tasks/representation"
    assert there[key]()[key].goal is None


def test_the_median_is_of_all_methods_on_gramians():
    keys = [
        key
        for key in measurements()
        if key.endswith("/parameters/every=10") and "excess_mtl" not in key
    ]
    keys = [key.removesuffix("/every=10") for key in keys]
    entries = {key: Entry(float(i), None, "lower", "") for i, key in enumerate(keys)}
    assert medians(entries)["weighting/median/parameters"].ratio == (len(keys) - 1) / 2
    entries.popitem()
    assert medians(entries) == {}


def test_loops_by_hand():
    rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    # (1, 0) less its part against (-1, 1) is (0.5, 0.5); (-1, 1) less that against (1, 0) (0, 1).
    assert pcgrad(rows).tolist() == pytest.approx([0.5, 1.5])
    # The nearest point to 0 of the line between them: 0.6 (1, 0) + 0.4 (-1, 1).
    assert mgda(rows).tolist() == pytest.approx([0.2, 0.4], abs=1e-5)
