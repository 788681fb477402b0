"""``mtl export`` on the command line."""

import contextlib
import io
import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from export_kit import made_up_run, photograph
from omegaconf import OmegaConf
from PIL import Image

from mtl.config.load import load
from mtl.runs.calibration.use import identity
from mtl.runs.export.read import read
from mtl.runs.prediction.saved_run import open_without_data

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A run's configuration and nothing else."""
    run = tmp_path / "run"
    run.mkdir()
    OmegaConf.save(load(["tasks=[classification,box]"]), run / "config.yaml")
    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["format=onx"], "format=onx: choose one of onnx, torch_export, openvino"),
        (["out=model.pt2"], "out=model.pt2: give a name that ends in .onnx"),
        (["colours=bgr"], "colours=bgr goes with preprocess_in_graph=true"),
        (["any_size=true", "preprocess_in_graph=true"], "images have any size already"),
        (["any_size=yes"], "any_size=yes: choose one of true, false"),
        (["tasks=[boxes]"], "no task 'boxes'; did you mean 'box'? There are: box, classification"),
        (["checkpoint=beste"], "checkpoint=beste"),
        (["limit=0"], "limit=0: give a whole number, 1 or more"),
        (["images=photos"], "images=photos: no such file or folder"),
    ],
)
def test_mistakes(mtl, configured: Path, arguments: list[str], said: str) -> None:
    result = mtl("export", f"run={configured}", *arguments)
    assert result.code == 2
    assert said in result.err


def test_a_missing_package_is_named(mtl, configured: Path, monkeypatch) -> None:
    monkeypatch.setattr("mtl.runs.export.formats.find_spec", lambda name: None)
    result = mtl("export", f"run={configured}", "format=openvino")
    assert "format=openvino needs onnx, onnxscript, onnxruntime, openvino" in result.err
    assert "pip install 'mtl[openvino]'" in result.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a calibration."""
    run = made_up_run(tmp_path_factory.mktemp("run"))
    tasks = {
        "multilabel": {"temperature": 1.5, "thresholds": {"ring": 0.25}},
        "detection": {"temperature": 1.0, "thresholds": {"star": 0.125}},
    }
    network = identity(open_without_data(run), run / "checkpoints/best.ckpt")
    content = {"mtl_calibration": 1, "network": network, "tasks": tasks}
    (run / "calibration.json").write_text(json.dumps(content))
    return run


def test_a_file_and_what_it_says_of_itself(
    mtl, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("tasks=[detection,multilabel]", "preprocess_in_graph=true", "colours=bgr", "limit=3")
    result = mtl("export", f"run={trained}", "out=here/model.onnx", *options)
    assert result.code == 0, result.err
    assert "against torch on 3 images of the val split" in result.out
    assert "picture, grey levels" in result.out
    assert "differs" not in result.out
    files = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert files == ["model.json", "model.onnx"]
    exported = read(tmp_path / "here/model.onnx")
    beside = json.loads((tmp_path / "here/model.json").read_text())
    assert beside == exported.description
    assert list(beside["tasks"]) == ["multilabel", "detection"]
    assert beside["input"]["shape"] == ["batch", "height", "width", 3]
    assert beside["input"]["colours"] == "bgr"
    multilabel, detection = beside["tasks"].values()
    assert (
        "calibrated: temperature of multilabel; thresholds of multilabel, detection" in result.out
    )
    assert multilabel["thresholds"] == {"probability": 0.5}
    assert (multilabel["temperature"], detection["temperature"]) == (1.5, 1.0)
    assert multilabel["class_thresholds"] == [0.5, 0.25, 0.5]
    assert detection["class_thresholds"] == [0.5, 0.5, 0.125]
    assert multilabel["classes"] == ["dot", "ring", "star"]
    assert detection["thresholds"] == {"score": 0.05, "overlap": 0.6, "most": 20, "draw": 0.5}
    assert detection["outputs"]["detection.boxes"] == {
        "type": "float32",
        "axes": ["image", "object", "x1, y1, x2, y2"],
        "meaning": "pixels, 0 where there is no object",
    }
    outputs = exported.run(photograph(40, 70)[None])
    assert outputs.keys() == multilabel["outputs"].keys() | detection["outputs"].keys()
    shown = example(tmp_path / "here/model.onnx", tmp_path, monkeypatch)
    assert [line.partition(":")[0] for line in shown.splitlines()] == ["multilabel", "detection"]
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.size == (70, 40)


def example(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What docs/examples/onnx_python.py says of a photograph."""
    Image.fromarray(photograph(40, 70)).save(folder / "photo.png")
    arguments = [str(model), str(folder / "photo.png"), str(folder / "drawn.png")]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLES / "onnx_python.py"), *arguments])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(sys.argv[0])
    return out.getvalue()


def test_examples_are_short_and_need_little() -> None:
    for file in EXAMPLES.iterdir():
        assert len(file.read_text().splitlines()) < 60
    text = (EXAMPLES / "onnx_python.py").read_text()
    imported = re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)
    assert set(imported) <= {*sys.stdlib_module_names, "numpy", "onnxruntime", "PIL"}
