"""The measurement of what views cost, on a network that takes no time."""

import pytest

from benchmarks.views import views_cost

pytestmark = pytest.mark.slow


def test_views_cost_is_measured() -> None:
    tiny = ("image_size=32", "backbone=small_cnn", "backbone.width=4")
    entries = views_cost(rounds=1, more=tiny)
    cost, saved = entries["four_views"], entries["views_checkpointing"]
    assert cost.goal == 3.5
    assert cost.ratio > 0
    assert 0 < saved.ratio < 1
    assert set(saved.raw) >= {"one view", "four views", "four views, checkpointing"}
