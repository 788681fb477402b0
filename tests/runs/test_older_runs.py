"""Runs that an older version began go on, or it is said in one line why not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from mtl.config.difference import back_again, difference
from mtl.config.load import load
from mtl.errors import UserError
from mtl.files import write_json
from mtl.learning.callbacks.checkpoint import Best, BestAndLast
from mtl.learning.checkpoints import refuse_misfit
from mtl.runs.folder import RunFolder
from mtl.runs.upgrade import upgrade

OWN = "heads.box.delta=5 heads.box.delta_unit=pixel heads.box.weight=32.0"


def older(cfg: DictConfig) -> dict[str, Any]:
    """As it was written before there was a choice of these."""
    values: Any = OmegaConf.to_container(cfg)
    del values["callbacks"]["task_stopping"], values["callbacks"]["checkpoint"]["monitors"]
    del values["baselines"]
    return dict(values)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run of a box in pixels that was interrupted after an epoch."""
    values = older(load(["tasks=[box]", "heads.box.delta=5"]))
    del values["heads"]["box"]["delta_unit"]
    write_json(tmp_path / "run" / "config.yaml", values)
    write_json(tmp_path / "run" / "status.json", {"state": "interrupted"})
    (tmp_path / "run" / "checkpoints").mkdir()
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    return tmp_path / "run"


def test_options_that_came_since_are_no_difference() -> None:
    before = OmegaConf.create(older(load(["tasks=[box]"])))
    assert difference(before, load(["tasks=[box]"])) is None
    leaving = load(["tasks=[box]", "callbacks.task_stopping.enabled=true"])
    assert difference(before, leaving) == "callbacks.task_stopping.enabled=false, not true"
    plain = load(["weighting=fixed"])
    assert difference(plain, load(["weighting=fixed", "weighting.weights={detection: 2}"])) == (
        "weighting.weights.detection=null, not 2"
    )


def test_a_stopped_run_goes_on_after_an_upgrade(stopped: Path) -> None:
    with pytest.raises(UserError, match=r"was written by an older version \(heads\.box") as caught:
        RunFolder(stopped).begin(load(["tasks=[box]"]))
    assert str(caught.value).endswith(f"; write: mtl upgrade run={stopped}")
    upgrade(stopped)
    with pytest.raises(UserError) as caught:
        RunFolder(stopped).begin(load(["tasks=[box]"]))
    assert str(caught.value) == (
        f"{stopped} holds a run with heads.box.delta=5, not 0.1: {OWN} goes on with it; or "
        "choose another hydra.run.dir or name, or remove the folder"
    )
    run = RunFolder(stopped)
    assert run.begin(load(["tasks=[box]", *OWN.split()]))
    run.release()


def test_a_run_goes_on_by_hand_whatever_its_name(tmp_path: Path) -> None:
    """One of a sweep is called after the sweep; it stays so."""
    own = load(["tasks=[box]", "name=mine", "trainer.log_every_n_steps=7"])
    OmegaConf.save(own, tmp_path / "config.yaml")
    folder = RunFolder(tmp_path)
    by_hand = folder.taken_up(load(["tasks=[box]", "data.cache=true", "trainer.profiler=simple"]))
    assert by_hand.name == "mine"
    assert folder.begin(by_hand)
    folder.release()
    with pytest.raises(UserError, match="holds a run with seed=0, not 1"):
        folder.check(load(["tasks=[box]", "seed=1"]))
    assert RunFolder(tmp_path / "new").taken_up(own).name == "mine"


def test_other_members_are_not_proposed_by_single_values() -> None:
    before, now = load(["backbone=resnet18"]), load([])
    assert back_again(before, now) is None
    before = now.copy()
    before.monitor = "a b"
    assert back_again(before, now) == "'monitor=a b'"


def test_the_best_score_of_one_checkpoint_is_taken_over() -> None:
    callback = BestAndLast()
    callback.load_state_dict({"best_score": 0.5})
    assert callback.best == Best(score=0.5)
    again = BestAndLast()
    again.load_state_dict(callback.state_dict())
    assert again.best == callback.best


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight": torch.zeros(3, 3)}, r"weight was \(3, 3\) and is \(3, 2\) now"),
        ({"gate": torch.zeros(1)}, r"gate was \(1,\) and is absent now"),
        ({"bias": None}, r"bias was absent and is \(3,\) now"),
    ],
)
def test_other_tensors_are_refused(change: dict[str, Any], said: str) -> None:
    module = nn.Linear(2, 3)
    refuse_misfit(Path("last.ckpt"), {"state_dict": module.state_dict()}, module)
    kept = {k: v for k, v in {**module.state_dict(), **change}.items() if v is not None}
    with pytest.raises(UserError, match=f"^last.ckpt was written by other code: {said}; begin a"):
        refuse_misfit(Path("last.ckpt"), {"state_dict": kept}, module)
