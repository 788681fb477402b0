"""Trainings with weightings that look at losses: processes, accumulation, resumes."""

from pathlib import Path

import pytest
from ranks_kit import PARTIAL, assert_two_are_one, trained
from resume_kit import resumed
from training_kit import fit, write_conf

from mtl.config.load import load

METHODS = ["uncertainty", "dwa", "rlw", "famo", "gradnorm", "db_mtl"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    methods = {name: f"{PARTIAL} data.train=24 epochs=3 weighting={name}" for name in METHODS}
    return trained(tmp_path_factory.mktemp("ranks"), methods)


@pytest.mark.parametrize("name", METHODS)
def test_processes_take_the_steps_of_one_and_stay_equal(folder: Path, name: str) -> None:
    state = assert_two_are_one(folder, name, steps=9)
    assert any(key.startswith("weighting.") for key in state)


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


QUIET = ["test=false", "callbacks.figures.enabled=false", "logger=none", "trainer=cpu"]


@pytest.mark.parametrize("name", ["famo", "stch", "rlw"])
def test_resume_is_exact(tmp_path: Path, name: str) -> None:
    own = [*PARTIAL.split(), *QUIET, "batch_size=8", f"weighting={name}", "epochs=3"]
    state = resumed(own, tmp_path, epoch=2)
    assert any(key.startswith("weighting.") for key in state)


@pytest.mark.parametrize("name", ["uncertainty", "famo", "dwa", "db_mtl", "gradnorm"])
def test_accumulation_runs_and_counts(conf: Path, tmp_path: Path, name: str) -> None:
    own = [*PARTIAL.split(), *QUIET, "batch_size=4", "epochs=1", f"weighting={name}"]
    module, trainer = fit(load([*own, "trainer.accumulate_grad_batches=2"], conf), tmp_path)
    assert trainer.global_step == 5
    state = module.weighting.state_dict()
    counts = {"famo": "adam.steps", "db_mtl": "steps", "gradnorm": "adam.steps"}
    if name in counts:
        # 10 batches make 5 steps; the batch that famo looks at again may lack a task.
        assert 3 <= float(state[counts[name]].max()) <= 5
    if name == "dwa":
        assert state["epochs"].tolist() == [1, 1]
        assert float(state["last"].min()) > 0
    assert module.weighting.gauges()
