"""Trials of a search that are given up, in real trainings."""

import json
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna")

from mtl.cli.sweeps.record import Record  # noqa: E402
from mtl.cli.sweeps.search.space import space_of  # noqa: E402
from mtl.cli.sweeps.search.trials import Trials  # noqa: E402

TINY = [
    *("trainer=debug", "tasks=[classification]", "data.train=8", "data.val=4", "data.test=4"),
    *("image_size=32", "batch_size=4", "backbone.width=4", "logger=none"),
    *("callbacks.figures.enabled=false", "callbacks.curves.enabled=false"),
]
KNOWN = 5
"""Trials that the median pruner waits for."""


@pytest.mark.slow
def test_a_hopeless_training_is_given_up_and_stays_so(mtl, monkeypatch):
    """Five trials were perfect after their first epoch; two that aren't follow."""
    monkeypatch.setattr("mtl.cli.sweeps.search.found.draw", lambda *_: [])
    rates = f"lr={','.join(f'0.00{n}' for n in range(1, KNOWN + 3))}"
    search = ["sweep=optuna", "sweep.sampler=grid", "sweep.prune=median", "name=given_up", rates]
    folder = Path("outputs/sweeps/given_up").absolute()
    settings = {"trials": KNOWN + 2, "sampler": "grid", "seed": 0}
    trials = Trials(folder, space_of([rates], None)[0], ["maximize"], settings, 1)
    for _ in range(KNOWN):
        (trial,) = trials.next()
        optuna.trial.Trial(trials.study, trial._trial_id).report(1.0, 1)
        trials.tell(trial.number, "finished", [1.0])

    result = mtl("train", "-m", *search, *TINY)
    assert result.code == 0, result.err
    names = [f"lr-0.00{n}" for n in range(KNOWN + 1, KNOWN + 3)]
    for name in names:
        assert f"{name}: pruned after epoch 1 at val/score=" in result.out
        status = json.loads((folder / name / "status.json").read_text())
        assert (status["state"], status["why"][:19]) == ("pruned", "pruned after epoch ")
    states = [trial.state.name for trial in trials.study.trials]
    assert states == ["COMPLETE"] * KNOWN + ["PRUNED"] * 2
    said = Record(folder).file.read_text()
    assert mtl("train", "-m", *search, *TINY).code == 0
    assert Record(folder).file.read_text() == said
    assert "2 pruned" in mtl("status", f"sweep={folder}").out
