"""Runs in Python."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mtl
from mtl.errors import UserError

pytestmark = pytest.mark.slow

README = Path(__file__).resolve().parents[2] / "README.md"
TINY = [
    *("data.train=16", "data.val=8", "data.test=8", "image_size=32", "backbone.width=8"),
    *("epochs=1", "batch_size=8", "heads.segmentation.channels=16"),
    *("callbacks.figures.enabled=false", "heads.detection.score_threshold=0"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> mtl.OpenedRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        found = mtl.train(["experiment=demo", *TINY, "name=mine"])
        found.path = found.path.absolute()
        return found


def test_trained_run_is_whole(run) -> None:
    assert run.path.parts[-4:-1] == ("outputs", "runs", "mine")
    results = json.loads((run.path / "results.json").read_text())
    assert run.metrics == results["metrics"]
    assert run.config.tasks == ["classification", "detection", "segmentation"]
    assert "mtl train experiment=demo data.train=16" in (run.path / "app.log").read_text()
    assert run.evaluate("test") == {
        name: value for name, value in run.metrics.items() if name.startswith("test/")
    }


def test_files_and_arrays_are_decided_alike(run, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = [
        run.predict(tmp_path)[0],
        run.predict(str(tmp_path / "*.png"))[0],
        *run.predict([tmp_path / "a.png", pixels]),
    ]
    assert all(set(f) == {"classification", "detection", "segmentation"} for f in found)
    masks = [f["segmentation"]["mask"] for f in found]
    assert all(mask.shape == (40, 60) and (mask == masks[0]).all() for mask in masks)
    assert len({f["classification"]["label"] for f in found}) == 1
    assert run.network.tasks == ("classification", "detection", "segmentation")


def test_opened_again_with_changes(run) -> None:
    again = mtl.open_run(run.path, ["data.limit=2"])
    assert again.metrics == run.metrics
    assert again.config.data.limit == 2
    assert again.evaluate("val") != run.evaluate("val")
    with pytest.raises(UserError, match="no such folder"):
        mtl.open_run("elsewhere")


def test_lines_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (48, 32)).save(tmp_path / "photos" / "a.jpg")
    block = README.read_text().split("```python in_python.py\n")[1].split("```")[0]
    small = ", ".join(repr(setting) for setting in TINY)
    exec(block.replace('"experiment=demo"', f'"experiment=demo", {small}'), {})


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mtl.nothing  # noqa: B018
