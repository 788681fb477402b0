"""Feature selection of a run, from its folder to another one."""

import json
from pathlib import Path

import pytest
import torch
from export_kit import SIZE, made_up_run, noise

from mtl.model.channels import ChannelChoice
from mtl.runs.compression.select.smaller import equal, smaller
from mtl.runs.opened import open_run

pytestmark = pytest.mark.slow


def test_what_is_rebuilt_from_the_folder_says_the_same(mtl, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    made_up_run(tmp_path / "run")
    options = ("select.images=4", "select.epochs_factor=0", "select.keep=0.3", "repeats=none")
    result = mtl("compress", "run=run", "steps=[select]", "out=small", *options)
    assert result.code == 0, result.err
    assert "stride 16:" in result.out
    found = json.loads((tmp_path / "small/figures/channels.json").read_text())
    kept = {
        task: {int(stride): torch.tensor(level["kept"]) for stride, level in levels.items()}
        for task, levels in found["tasks"].items()
    }
    assert (tmp_path / "small/figures/channels.png").stat().st_size > 1000

    image = noise(2, 3, SIZE, SIZE)
    again = open_run(tmp_path / "small").network
    assert isinstance(again.head_channels, ChannelChoice)
    whole = open_run(tmp_path / "run").network
    masked = smaller(whole, kept, noise(2, 3, SIZE, SIZE, seed=1)).masked
    with torch.no_grad():
        assert equal(again(image), masked(image))

    result = mtl("channels", "run=run", "images=4", "keep=0.3", "out=looked")
    assert result.code == 0, result.err
    assert json.loads((tmp_path / "looked/channels.json").read_text()) == found
    for task, levels in found["tasks"].items():
        counts = [len(level["kept"]) for level in levels.values()]
        total = sum(level["channels"] for level in levels.values())
        assert sum(counts) == max(len(counts), round(0.3 * total))
        assert f"{sum(counts)} of {total}" in result.out
        assert task in result.out


def test_options_are_checked_before_anything_is_read(mtl) -> None:
    result = mtl("channels", "run=nowhere", "method=l2")
    assert result.code == 2
    assert "select.method=l2: must be one of l0, l1, saliency, mutual_information" in result.err
    assert "did you mean keep=?" in mtl("channels", "run=nowhere", "keeps=0.5").err
