"""Several data sets through one network: a run that was broken goes on."""

from pathlib import Path

import pytest
from resume_kit import copy_at
from training_kit import checkpoint, same_weights, save_as_run, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.model.build import build_network
from mtl.runs.train import train

pytestmark = pytest.mark.slow

SETS = [
    "data=mixed",
    "data@data.sets.one=counting",
    "data.sets.one.train=10",
    "data.sets.one.val=2",
    "data.sets.one.test=2",
    "data@data.sets.two=shapes",
    "data.sets.two.train=6",
    "data.sets.two.val=2",
    "data.sets.two.test=2",
    "tasks=[a,b,box]",
    "heads.a.target=one.a",
    "heads.b.target=one.b",
    "image_size=32",
    "batch_size=4",
]
"""One that is read sample by sample with partial labels, and one in memory with other labels."""


def test_two_workers_of_different_sets_go_on_as_if_unbroken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut within an epoch, when the workers had fetched further batches already.

    It began with another run's weights, which are not taken again.
    """
    conf = write_conf(tmp_path / "conf")
    cfg = load([*SETS, "backbone=plain"], conf, needs_data=False)
    network = build_network(cfg, build_data(cfg).targets)
    other = save_as_run(tmp_path / "other", cfg, network)
    own = ["data.workers=2", "data.sampling=equal", "data.augmentations={two: {hflip: 0.9}}"]
    own += ["augmentation=c_rmtl", "heads.a.dropout=0.3", "backbone=plain", "epochs=2"]
    own += ["test=false", "callbacks.figures.enabled=false", "logger=none"]
    own += ["init=run", f"init.run={other}", "callbacks.checkpoint.every_minutes=1e-9"]
    cfg = load([*SETS, *own], conf)
    copy_at(6, tmp_path, monkeypatch)
    train(cfg, tmp_path / "whole")
    # Four batches an epoch.
    assert checkpoint(tmp_path / "cut", "last")["mtl"]["batches"] == 2
    train(cfg, tmp_path / "cut")
    whole, cut = (checkpoint(tmp_path / name, "last")["state_dict"] for name in ("whole", "cut"))
    assert same_weights(whole, cut)
    assert capsys.readouterr().out.count("init: from") == 1
