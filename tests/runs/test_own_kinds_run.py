"""A training on kinds of a user's own, from the yaml files to what predict writes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from own_kinds_kit import SIDE, image, values, write_conf
from PIL import Image
from prediction_kit import start

import mtl
from mtl.errors import UserError
from mtl.learning.checkpoints import read_checkpoint, trained_targets
from mtl.runs.prediction.predictor import Predictor

pytestmark = pytest.mark.slow
OWN = ("own_kinds_kit.Depth", "own_kinds_kit.Numbers")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> mtl.OpenedRun:
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = ["epochs=1", "batch_size=6", "lr=0.01", "augmentation=none", "data.workers=0"]
        settings += ["data=weather", "head@heads.metres=metres", "head@heads.numbers=numbers"]
        settings += ["backbone.width=8", "callbacks.figures.enabled=false"]
        found = mtl.train(settings, config_dir=write_conf(folder / "conf"))
        found.path = found.path.absolute()
        return found


def test_losses_see_the_numbers_as_they_are(run: mtl.OpenedRun) -> None:
    """A constant 0.01 after one step of Adam, whose steps are as long as the rate."""
    rows = [values(index) for index in (0, 1, 3, 4)]
    for task, target, rate in (("metres", "depth", 0.01), ("numbers", "numbers", 0.01)):
        answer = run.network.head(task).answer.detach().numpy()
        truth = np.stack([row[target] for row in rows])
        assert np.abs(answer).max() == pytest.approx(rate, rel=1e-3)
        errors = np.abs(answer - truth)
        expected = errors[~np.isnan(errors)].mean()
        assert run.metrics[f"test/{task}/mae"] == pytest.approx(expected, rel=1e-5)


def test_checkpoints_name_kinds_in_plain_text(run: mtl.OpenedRun) -> None:
    path = run.path / "checkpoints" / "last.ckpt"
    saved = read_checkpoint(path)["mtl"]["targets"]
    assert saved["depth"] == {"kind": OWN[0], "classes": []}
    assert saved["numbers"] == {"kind": OWN[1], "classes": ["wind", "rain"]}
    assert trained_targets(path, OWN)["numbers"].kind.name == OWN[1]
    with pytest.raises(UserError, match=r"names the kind of target own_kinds_kit\.Depth, which"):
        trained_targets(path)


def test_predict_writes_numbers_as_they_are(run: mtl.OpenedRun, tmp_path: Path) -> None:
    Image.fromarray(image(0).repeat(2, 0).repeat(3, 1)).save(tmp_path / "a.png")
    predictor = Predictor.open(run.path, trust=["own_kinds_kit"])
    answer = torch.linspace(-3.7, 3.7, SIDE**2).view(SIDE, SIDE)
    predictor.network.head("metres").answer.data = answer
    start([tmp_path / "a.png"], tmp_path / "out", decider=predictor)
    content = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert content["tasks"]["metres"]["kind"] == OWN[0]
    [entry] = content["images"]
    assert entry["metres"] == {"map": "a_metres.npy"}
    written = np.load(tmp_path / "out" / "a_metres.npy", allow_pickle=False)
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, answer.numpy().repeat(2, 0).repeat(3, 1))
    assert set(entry["numbers"]) == {"wind", "rain"}
