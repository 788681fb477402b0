"""``protocol=paper``: the mean over the last epochs on test, said in the results."""

import json
from pathlib import Path

import pytest
from training_kit import write_conf

from mtl.config.load import load
from mtl.errors import RunError, UserError
from mtl.learning.callbacks import last_epochs
from mtl.learning.callbacks.last_epochs import LastEpochs
from mtl.learning.checkpoints import read_checkpoint
from mtl.runs.evaluate import evaluate
from mtl.runs.train import train

BASE = ["data=alternating", "backbone=plain", "batch_size=4", "logger=none", "protocol=paper"]
SMALL = ["epochs=3", "callbacks.curves.enabled=false", "callbacks.figures.enabled=false"]


def test_the_last_epochs_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(last_epochs, "LAST", 2)
    cfg = load([*BASE, *SMALL, "lr=0.05"], write_conf(tmp_path / "conf"))
    folder = tmp_path / "run"
    metrics = train(cfg, folder)
    results = json.loads((folder / "results.json").read_text())
    assert (results["protocol"], results["test_epochs"]) == ("paper", [2, 3])
    states = read_checkpoint(folder / "checkpoints" / "last.ckpt")["callbacks"]
    (state,) = (state for key, state in states.items() if key.startswith("LastEpochs"))
    second, third = state["found"][2], state["found"][3]
    # The last one is what the last checkpoint gives, evaluated by itself.
    assert evaluate(cfg, folder, "test", "last") == pytest.approx(third)
    tested = {name: value for name, value in metrics.items() if name.startswith("test/")}
    assert tested == pytest.approx({name: (second[name] + third[name]) / 2 for name in third})
    assert second["test/loss"] != third["test/loss"]
    said = "protocol=paper: test is the mean over the last 2 epochs (2 to 3), as papers report it"
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_run_that_ends_before_has_no_such_mean() -> None:
    callback = LastEpochs(200)
    assert callback.first == 191
    assert LastEpochs(4).first == 1
    with pytest.raises(RunError, match="has ended before epoch 191"):
        _ = callback.means
    callback.load_state_dict({"found": {191: {"a": 1.0, "b": 4.0}, 192: {"a": 2.0}}})
    assert callback.means == {"a": 1.5, "b": 4.0}
    assert callback.epochs == [191, 192]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("test=false", "measures on the test split"),
        ("callbacks.early_stopping.enabled=true", "leave out callbacks.early_stopping.enabled"),
        ("callbacks.ema.enabled=true", "leave out callbacks.ema.enabled=true"),
        ("protocol=papers", "protocol=papers"),
    ],
)
def test_what_contradicts_it_is_refused(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(["protocol=paper", override])
